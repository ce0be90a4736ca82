"""Makes `checkable` importable from the rooms below."""
