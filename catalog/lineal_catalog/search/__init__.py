"""Full-text search over the pages of documents."""
