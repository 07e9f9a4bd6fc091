"""Tells people of what needs them: by webhook and by mail."""
