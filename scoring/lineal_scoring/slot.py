"""Holds the running scorer, and replaces it without missing a reading."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from lineal_scoring.model import ScoringModel


class ModelSlot:
    """The model in use and, for a while, the next one while it is being loaded.

    The scorer reads ``current`` between two samples. Loading and warming up happen in a thread of
    the slot's own; only the reference is exchanged, which needs no lock.
    """

    def __init__(self, model: ScoringModel) -> None:
        self._current = model
        self._loader: ThreadPoolExecutor | None = None  # most slots never load anything

    @property
    def current(self) -> ScoringModel:
        return self._current

    def load(self, data: bytes) -> Future[ScoringModel]:
        """Load a model and warm it up while the running one goes on scoring.

        The future raises :class:`~lineal_scoring.model.ModelError` if it is not fit for use.
        """
        if self._loader is None:
            self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model-loader")
        return self._loader.submit(load_model, data)

    def swap(self, model: ScoringModel) -> ScoringModel:
        """Put a model in use from the next sample on and return the one before."""
        previous, self._current = self._current, model
        return previous

    def close(self) -> None:
        """Wait for a load under way and end the thread."""
        if self._loader is not None:
            self._loader.shutdown()


def load_model(data: bytes) -> ScoringModel:
    """A model, loaded and warmed up.

    Raises:
        ModelError: it is not fit for use.
    """
    model = ScoringModel(data)
    model.warm_up()
    return model
