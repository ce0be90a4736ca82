"""Missing values: draws of them, and what is pooled over the draws."""
