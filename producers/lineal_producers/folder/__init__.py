"""Watching a folder: what is dropped there and has stopped growing is taken in."""
