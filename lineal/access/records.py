"""Changes of users and tokens, each with its record in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lineal.access.credential import Credential
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

    Args:
        by: who asks for it.
        subject: ``user:ann`` or ``token:scanner``.
        change: what is done in the store; its hashes and digests are in no record.
        attributes: what the record says of the change.

    Raises:
        NotPermitted: they may not.
    """
    by.require("manage")
    result = await runtime.store.write(change)
    entry = StepEntry(subject, now_us(), kind=ACCESS, attributes=attributes)
    record = record_of(entry, build=None, actor=by.actor, worker=this_worker())
    await runtime.committer.publish((), lineage_records([record]))
    return result
