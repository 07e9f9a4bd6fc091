"""Backups of a data folder while daemons work, and what is restored from them."""
