"""What documents say in short: their most central sentences, their dated facts, their topics.

Nothing is written anew: every sentence stands in a document, and its place is given.
"""
