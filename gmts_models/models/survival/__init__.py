"""Models of the time of leaving as one event."""
