"""Labelling jobs: who has said what, what holds, and how well people agree."""
