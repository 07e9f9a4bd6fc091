"""Examples that run in an empty folder, in under two minutes, and say what they showed."""
