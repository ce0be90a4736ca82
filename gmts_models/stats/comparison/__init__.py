"""Tests that compare groups."""
