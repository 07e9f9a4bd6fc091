"""The runtime: buses, the stage runner, the lineage ledger, stores and replay."""
