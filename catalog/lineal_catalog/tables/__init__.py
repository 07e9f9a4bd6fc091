"""Questions to the models of tables."""
