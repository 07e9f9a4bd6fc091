"""Search by meaning: paragraphs as vectors, those next to a question, sentences that answer it."""
