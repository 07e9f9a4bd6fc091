"""Requests to change images, and what became of them."""
