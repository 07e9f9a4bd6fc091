"""The store: database, objects, memo, key index and migrations."""
