"""The pages that lineal brings, each an entry point of its own."""
