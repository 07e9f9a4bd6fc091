"""Migrates a store of an earlier schema version to the present one.

There is a module for each schema version after 4, the oldest that is brought up to date. A store is
migrated when it is opened to be written, in the transaction that also sets its version: if it is
interrupted, nothing has changed, and the next opening starts again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lineal.store.connection import Connection
from lineal.store.migrations import (
    to_5,
    to_6,
    to_7,
    to_8,
    to_9,
    to_10,
    to_11,
    to_12,
    to_13,
    to_14,
    to_15,
    to_16,
    to_17,
    to_18,
    to_19,
    to_20,
    to_21,
)

OLDEST_VERSION = 4

_STEPS: Mapping[int, Callable[[Connection], None]] = {
    5: to_5.migrate,
    6: to_6.migrate,
    7: to_7.migrate,
    8: to_8.migrate,
    9: to_9.migrate,
    10: to_10.migrate,
    11: to_11.migrate,
    12: to_12.migrate,
    13: to_13.migrate,
    14: to_14.migrate,
    15: to_15.migrate,
    16: to_16.migrate,
    17: to_17.migrate,
    18: to_18.migrate,
    19: to_19.migrate,
    20: to_20.migrate,
    21: to_21.migrate,
}
"""What makes each version of the one before."""


def migrate(connection: Connection, version: int, target: int) -> None:
    """Migrate from one schema version to another, in the caller's transaction."""
    for following in range(version + 1, target + 1):
        _STEPS[following](connection)
