"""Parametric survival: a location-scale model of time or of its logarithm."""
