"""Where readings come from: a serial line, a file, or a simulated turbine."""
