"""Tables: features as of a time, models of targets, and predictions with their reasons."""
