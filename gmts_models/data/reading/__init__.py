"""From files, folders, databases and frames to cells, and from cells to values."""
