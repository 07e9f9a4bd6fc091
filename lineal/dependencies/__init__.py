"""What stages call outside of lineal: its circuit, its rate, and how long a call may take."""

from lineal.dependencies.dependency import Dependency

__all__ = ["Dependency"]
