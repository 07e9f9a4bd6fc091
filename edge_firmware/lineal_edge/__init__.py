"""The device agent. It imports the schemas and the scoring code, and nothing else of lineal."""

__version__ = "0.1.0"
