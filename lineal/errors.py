"""The exceptions of the runtime, as one tree below ``LinealError``.

Every exception of our packages descends from :class:`LinealError`; those that more than one part of
the runtime raises or handles are here::

    LinealError
        CircuitOpen
        HandlerTimeout
        IncompatibleDatabase
        NotOffered
        ObjectCorrupt
        ObjectMissing
        PermanentFailure
        Reject
        Retry
        StateConflict
        StoreClosed
        StoreDamaged
        StoreRejected
        Unavailable
            BusUnavailable
            StoreUnavailable
                StoreFull
        UnknownStage
        UnknownTopic
        UnsupportedSetting
        WrongConfiguration
"""

from __future__ import annotations

from lineal_schemas.errors import LinealError

__all__ = [
    "BusUnavailable", "CircuitOpen", "HandlerTimeout", "IncompatibleDatabase", "LinealError",
    "NotOffered", "ObjectCorrupt", "ObjectMissing", "PermanentFailure", "Reject", "Retry",
    "StateConflict", "StoreClosed", "StoreDamaged", "StoreFull", "StoreRejected",
    "StoreUnavailable", "Unavailable", "UnknownStage", "UnknownTopic", "UnsupportedSetting",
    "WrongConfiguration",
]  # fmt: skip


class Unavailable(LinealError):
    """Something that is needed is away or out of room, and no event is to blame: what was asked
    may be asked again."""


class BusUnavailable(Unavailable):
    """The bus cannot be reached now."""


class StoreUnavailable(Unavailable):
    """The store cannot be reached now, is busy, or cannot read or write its files."""


class StoreFull(StoreUnavailable):
    """The store is out of room."""


class StoreDamaged(LinealError):
    """The database file is not a database, is malformed, or lacks tables: it has to be repaired."""


class StoreRejected(LinealError, RuntimeError):
    """The server refuses the login or a needed operation; the text says what to change."""


class StoreClosed(LinealError, RuntimeError):
    """Work was handed in after the store was closed."""


class IncompatibleDatabase(LinealError, RuntimeError):
    """The data directory was written by another version of lineal."""


class ObjectMissing(LinealError, LookupError):
    """The object was erased or never written."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"object {sha256} is not in the store")


class ObjectCorrupt(LinealError, OSError):
    """The bytes found are not those that the digest names."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"object {sha256} does not have the digest it is named by")


class UnknownTopic(LinealError, LookupError):
    """The topic does not exist (yet)."""


class NotOffered(LinealError):
    """This bus cannot do what was asked; the text says what can be done instead."""


class StateConflict(LinealError):
    """Another event has changed the key since this one read it: handle this one again."""


class PermanentFailure(LinealError):
    """An event that no worker can decode: wrong schema, unknown type."""


class Reject(LinealError):
    """Raised by a stage for an event that can never succeed: it is not retried.

    The text is shown to people and kept in the ledger: say what is wrong with the input in words
    that hold no personal data (no file names, no contents).
    """


class Retry(LinealError):
    """Raised by a stage that cannot handle an event yet: it is tried again, however often.

    Nothing is wrong with the event or the code (something outside asks for patience), so the
    attempt counts as none. Later events of the same key wait.

    Args:
        reason: for the log, in words that hold no personal data.
        seconds: how long to wait; None takes the pauses of the retry policy.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class CircuitOpen(LinealError):
    """What a stage calls has not answered lately, and is not called for a while.

    Args:
        dependency: its name.
        seconds: until it is called again.
    """

    def __init__(self, dependency: str, seconds: float) -> None:
        super().__init__(
            f"{dependency} does not answer, and is called again in {seconds:.0f} seconds"
        )
        self.dependency = dependency
        self.seconds = seconds


class HandlerTimeout(LinealError):
    """A stage's function took longer than its limit and was ended."""


class UnknownStage(LinealError, LookupError):
    """No installed package has a stage of this name."""


class WrongConfiguration(LinealError, ValueError):
    """A stage's configuration does not fit it."""


class UnsupportedSetting(LinealError, ValueError):
    """A URL in the settings names nothing that this lineal has."""
