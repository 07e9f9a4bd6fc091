"""Documents: their registry and status, and their renditions."""
