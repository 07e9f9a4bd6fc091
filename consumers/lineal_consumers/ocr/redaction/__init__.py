"""Redacted copies of documents: what is to go is gone from pixels, text and metadata."""
