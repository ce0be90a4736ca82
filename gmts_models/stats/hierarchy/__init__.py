"""Partial pooling: groups' effects on the hazard of leaving, drawn towards their mean."""
