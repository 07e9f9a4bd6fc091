"""Anomalies found on the bus, by the code that finds them on the device."""
