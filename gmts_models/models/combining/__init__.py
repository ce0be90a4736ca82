"""Models made of other models: refitted to people drawn again, stacked, tuned."""
