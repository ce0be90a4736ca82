"""Which rows are valid, and why the others are not."""
