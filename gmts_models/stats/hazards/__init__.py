"""Hazards of whole periods, and exit rates."""
