"""What a file is, by its bytes, and page by page how to get at its text."""
