"""Clicks that were made by robots."""
