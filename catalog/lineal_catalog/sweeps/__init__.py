"""Sweeps: what was tried, and the best."""
