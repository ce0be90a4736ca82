"""Fitted models as folders of JSON and plain arrays, which are read without running anything."""
