"""Serving of models: packages, their tests, and rollouts by shares of the requests."""
