"""What to look at before and after a fit: is there enough data, and does the model hold."""
