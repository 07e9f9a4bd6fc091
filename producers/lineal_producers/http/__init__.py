"""The HTTP API: uploads, events and queries."""
