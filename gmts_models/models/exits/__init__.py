"""Models of several ways to leave: the risk of each, which add up to the risk of leaving."""
