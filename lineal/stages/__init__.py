"""What a stage author needs."""

from lineal.stages.context import Context
from lineal.stages.declaration import NoConfig, Reject, Stage, gather, stage
from lineal.store.search import SearchPage

__all__ = ["Context", "NoConfig", "Reject", "SearchPage", "Stage", "gather", "stage"]
