"""Pure functions on arrays: no frames, no state, no logging."""
