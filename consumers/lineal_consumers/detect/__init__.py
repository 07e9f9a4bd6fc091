"""Anomaly detection on the bus, by the code that devices run too."""
