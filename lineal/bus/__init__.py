"""The bus contract and its implementations."""
