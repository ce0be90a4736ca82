"""Regressions of counts and shares, and the penalties that Cox fits share with them."""
