"""Pages of documents as a person sees them: their images, and what was found on each."""
