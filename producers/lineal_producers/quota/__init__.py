"""How much the documents of one owner may be."""
