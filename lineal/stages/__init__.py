"""What a stage author needs."""

from lineal.stages.context import Context
from lineal.stages.declaration import NoConfig, Reject, Stage, gather, stage
from lineal.store.page_split import pages_to_index
from lineal.store.pages import SearchPage

__all__ = [
    "Context", "NoConfig", "Reject", "SearchPage", "Stage", "gather", "pages_to_index", "stage",
]  # fmt: skip
