"""Producers: what brings events onto the bus from outside."""
