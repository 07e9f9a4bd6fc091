"""What a stage author needs."""

from lineal.stages.context import Context, NoConfig
from lineal.stages.declaration import Stage, fan_in, stage
from lineal.stages.errors import Reject, Retry
from lineal.store.page_split import pages_to_index
from lineal.store.pages import SearchPage

__all__ = [
    "Context", "NoConfig", "Reject", "Retry", "SearchPage", "Stage", "fan_in", "pages_to_index",
    "stage",
]  # fmt: skip
