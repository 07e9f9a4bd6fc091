"""The transparency log of the ledger: tree, tiles, checkpoints, proofs, and what checks them."""
