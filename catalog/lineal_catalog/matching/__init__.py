"""Sentence match: which sentences of a text say the same as another one."""
