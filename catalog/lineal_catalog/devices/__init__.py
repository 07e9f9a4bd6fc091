"""Devices: what each last said of itself."""
