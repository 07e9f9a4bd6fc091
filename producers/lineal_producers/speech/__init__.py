"""Audio onto the bus, and what was said back from it."""
