"""Curves of staying: product-limit estimates and what is read off them."""
