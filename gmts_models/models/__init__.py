"""Estimators of the risk of leaving: thin, scikit-learn in manner, one protocol for all."""
