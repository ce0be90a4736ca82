"""A scheme that never existed, with the truth about it."""
