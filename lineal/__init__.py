"""The runtime: buses, the stage runner, the lineage ledger, stores, replay and the command line."""
