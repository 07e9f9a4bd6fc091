"""Reading documents: text layers, recognition and parsing, scattered by pages and gathered."""
