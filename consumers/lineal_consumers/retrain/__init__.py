"""Training: scoring models for sensors, and a classifier for texts."""
