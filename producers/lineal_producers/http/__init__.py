"""Uploads and answers over HTTP, on loopback."""
