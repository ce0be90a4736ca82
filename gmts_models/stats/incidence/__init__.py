"""Incidence by cause, and the time lost to each."""
