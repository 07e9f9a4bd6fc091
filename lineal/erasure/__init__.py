"""Erasure: what is kept about a subject is removed everywhere, and a record says that it was.

See docs/erasure.md for what is found where, in which order it goes, and what remains.
"""
