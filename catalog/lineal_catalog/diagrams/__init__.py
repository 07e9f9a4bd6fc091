"""Diagrams that were found, and the search among them."""
