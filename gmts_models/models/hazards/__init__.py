"""Hazards of whole periods: classifiers of person-months as models of risk."""
