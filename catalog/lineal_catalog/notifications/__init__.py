"""Notifications that were sent."""
