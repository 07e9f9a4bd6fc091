"""The ledger of what happened, and the questions it answers."""
