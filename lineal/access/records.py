"""Changes of users and tokens, each with its record in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from lineal.access.credential import Credential
from lineal.effects.effect import Effect, apply
from lineal.effects.records import lineage_records
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

    Both in one transaction, so that a power cut leaves no role that nobody gave. On Kafka the
    record follows: who was interrupted before does it again.

    Args:
        by: who asks for it.
        subject: ``user:ann`` or ``token:scanner``.
        change: what is done in the store; its hashes and digests are in no record.
        attributes: what the record says of the change.

    Raises:
        NotPermitted: they may not.
    """
    by.require("manage")
    entry = StepEntry(subject, now_us(), kind=ACCESS, attributes=attributes)
    records = lineage_records([record_of(entry, build=None, actor=by.actor, worker=this_worker())])
    if runtime.bus.capabilities.applies_effects:  # records are in the same store
        return await runtime.store.write(partial(_change_and_record, change, records))
    result = await runtime.store.write(change)
    await runtime.committer.publish((), records)
    return result


def _change_and_record(
    change: Callable[[Connection], R], records: Sequence[Effect], connection: Connection
) -> R:
    result = change(connection)
    apply(connection, records)
    return result
