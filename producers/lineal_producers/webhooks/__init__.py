"""Webhooks: events of chosen types are posted to an address, signed, and tried again."""
