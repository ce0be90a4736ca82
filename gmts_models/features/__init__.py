"""Trainee attributes as known on the prediction date."""
