"""Models learnt from what the bus carries: scoring models for sensors, a classifier for texts."""
