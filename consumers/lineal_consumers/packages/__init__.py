"""Packages: documents of one case are gathered and checked together, and their risk scored."""
