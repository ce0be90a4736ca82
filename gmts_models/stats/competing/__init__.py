"""Regression where there are several ways to leave."""
