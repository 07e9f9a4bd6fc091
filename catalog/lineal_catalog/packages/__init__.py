"""Packages: which there are, how they stand, and what is asked of them."""
