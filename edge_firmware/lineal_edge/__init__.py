"""The device agent: installs alone, knows nothing of lineal but its schemas."""

__version__ = "0.1.0"
