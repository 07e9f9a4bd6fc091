"""What a stage author needs: ``stage``, ``gather``, ``Context`` and ``Reject``."""

from lineal.stages.context import Context
from lineal.stages.declaration import Reject, Stage, gather, stage

__all__ = ["Context", "Reject", "Stage", "gather", "stage"]
