"""The stage that finds what documents mention, and how it is meant."""
