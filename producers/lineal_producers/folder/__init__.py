"""The folder watch: announces files that are complete."""
