"""What several stages have to know of the formats of files."""
