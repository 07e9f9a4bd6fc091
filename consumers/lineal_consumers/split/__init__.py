"""Splits files that hold several documents: a stack of letters that was scanned in one go."""
