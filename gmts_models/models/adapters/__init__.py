"""Models that other libraries fitted, asked as ours are."""
