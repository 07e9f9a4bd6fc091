"""Clicks: windows of visitors, their features, and which of them robots made."""
