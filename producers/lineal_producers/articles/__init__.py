"""Articles onto the bus, and their audio as a feed."""
