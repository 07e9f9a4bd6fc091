"""Talking with a dialogue, and the tickets that conversations leave to people."""
