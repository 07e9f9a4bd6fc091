"""Errors that keep a log from being extended or signed."""

from __future__ import annotations

from lineal.errors import LinealError


class UnusableKey(LinealError):
    """The key that signs the log cannot be used, and why."""


class LogInconsistent(LinealError):
    """The ledger is not the one whose checkpoints were signed: nothing may be signed any more."""


class ForeignLog(LinealError):
    """The log of this store is signed with a key that this process does not have."""
