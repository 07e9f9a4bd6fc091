"""Answers requests with models over HTTP: batches, shares of a rollout, the KServe protocol."""
