"""Speed and memory of gmts_models.stats against R and Python libraries (see README.md)."""
