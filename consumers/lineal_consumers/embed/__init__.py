"""The stage that makes vectors of a document's paragraphs."""
