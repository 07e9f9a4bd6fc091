"""Restyling: a part of an image is found by a prompt, and filled anew."""
