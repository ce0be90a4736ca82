"""Runs in MLflow: the one door to it.

MLflow is imported only when something is published or shown. Nothing here touches MLflow's
global state: a run, a tracking address or an experiment that the user has open stays as it is.
"""
