"""Schemas: the event envelope and every event's payload. Depends on pydantic only."""
