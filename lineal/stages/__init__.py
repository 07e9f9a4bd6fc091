"""Declaring and running stages."""

from lineal.errors import Reject, Retry
from lineal.stages.context import Context, NoConfig
from lineal.stages.declaration import Stage, fan_in, stage

__all__ = [
    "Context", "NoConfig", "Reject", "Retry", "Stage", "fan_in", "stage",
]  # fmt: skip
