"""Slides: puts them on the bus, and finds what became of them."""
