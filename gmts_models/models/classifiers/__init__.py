"""Scikit-learn classifiers of having left by a horizon."""
