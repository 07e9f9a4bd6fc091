"""The graph of what documents mention: rows in the store, and triples that follow them."""
