"""Live transcription: audio comes in pieces, words go out, and what is stable stays."""
