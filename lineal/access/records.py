"""Changes of users and tokens, each with its record in the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from lineal.access.credential import Credential
from lineal.effects.effect import Effect, apply
from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.record import ACCESS, StepEntry, record_of
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us

R = TypeVar("R")


async def change_access(
    runtime: Runtime,
    by: Credential,
    subject: str,
    change: Callable[[Connection], R],
    **attributes: int | str,
) -> R:
    """Change users or tokens, and record who did it.

    Both in one transaction, so that a power cut leaves no role that nobody gave. On Kafka, which
    shares none with the store, the record comes first: what was interrupted has a record and no
    effect, which ``lineal verify`` names, until it is done again.

    Args:
        by: who asks for it.
        subject: ``user:ann`` or ``token:scanner``.
        change: what is done in the store; its hashes and digests are in no record.
        attributes: what the record says of the change.

    Raises:
        NotPermitted: they may not.
        BusUnavailable: the broker is away; nothing has changed.
    """
    by.require("manage")
    entry = StepEntry(subject, now_us(), kind=ACCESS, attributes=attributes)
    records = lineage_records([record_of(entry, build=None, actor=by.actor, worker=this_worker())])
    if runtime.bus.capabilities.applies_effects:  # records are in the same store
        return await runtime.store.write(partial(_change_and_record, change, records))
    with contextlib.suppress(_Rehearsed):  # what cannot be done gets no record
        await runtime.store.write(partial(_rehearse, change))
    await runtime.committer.publish((), records)
    return await runtime.store.write(change)


class _Rehearsed(LinealError):
    """Takes back what was changed."""


def _rehearse(change: Callable[[Connection], R], connection: Connection) -> None:
    change(connection)
    raise _Rehearsed


def _change_and_record(
    change: Callable[[Connection], R], records: Sequence[Effect], connection: Connection
) -> R:
    result = change(connection)
    apply(connection, records)
    return result
