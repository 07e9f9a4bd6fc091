"""The wind turbine: its line of readings, what is derived from it, and a simulated one."""
