"""Lineage: records of steps, the ledger that holds them, and queries."""
