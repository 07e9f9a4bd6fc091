"""Trained models: which there are, which is in use, and where it came from."""
