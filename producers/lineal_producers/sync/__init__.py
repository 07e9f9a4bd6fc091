"""Buckets and folder trees that are compared with what was ingested of them before."""
