"""The wind turbine of the examples: line protocol, derived angles, simulation."""
