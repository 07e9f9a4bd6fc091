"""Bringing models to devices: signed packages, and rollouts in rings."""
