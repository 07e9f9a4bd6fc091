"""What a stage author needs."""

from lineal.stages.context import Context, NoConfig
from lineal.stages.declaration import Stage, fan_in, stage
from lineal.stages.errors import Reject, Retry

__all__ = [
    "Context", "NoConfig", "Reject", "Retry", "Stage", "fan_in", "stage",
]  # fmt: skip
