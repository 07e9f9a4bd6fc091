"""What is known of documents, models and devices: projections of the ledger, and what is asked."""
