"""Files that lie in other files, and how each becomes a document of its own."""
