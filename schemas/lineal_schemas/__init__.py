"""The ground floor: the event envelope and every event's payload. pydantic and nothing else."""
