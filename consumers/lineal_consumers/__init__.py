"""The stages, one folder each. They meet on the bus and never import each other."""
