"""Effects: what a step leaves in the store beside its outputs, as data."""
