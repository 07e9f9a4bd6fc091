"""The index stage: puts documents into the full-text index."""
