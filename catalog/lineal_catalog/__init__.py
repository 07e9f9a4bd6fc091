"""The catalog: projections of the ledger about documents, models and devices, and queries."""
