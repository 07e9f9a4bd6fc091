"""The retention of documents: those that are older than their class is kept are erased, each day.

The settings say how long: ``[retention.days]``, a class of documents and its days each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog

from lineal.access.credential import Credential
from lineal.errors import LinealError
from lineal.producers import Producer
from lineal.store.connection import Connection
from lineal_catalog.documents.erasing import documents_to_erase
from lineal_producers.ingested_sources import forget_sources
from lineal_producers.retention_settings import RetentionSettings
from lineal_schemas.envelope import now_us

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)

_NAME = "retention"
_OTHERS = "*"
_DAY_SECONDS = 86_400
_SWEPT = Credential(f"process:{_NAME}", frozenset({"erase"}))
_TOGETHER = 50
"""Documents that are erased at once."""


class RetentionSweep:
    """Erases expired documents when it starts, and every day."""

    standing_by = False

    def __init__(self, runtime: Runtime) -> None:
        self._days = runtime.settings.section(RetentionSettings).days
        self._runtime = runtime
        self.problem: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except LinealError as error:
                self.problem = f"expired documents are not erased: {error}"
                log.warning("retention.failed", error=repr(error))
            else:
                self.problem = None
            await asyncio.sleep(_DAY_SECONDS)

    async def sweep(self) -> int:
        """Erase what has expired; returns how many documents."""
        from lineal.erasure.erase import erase, overwrite, plan_erasure
        from lineal.erasure.late_steps import erase_late

        count = 0
        for name, days in self._days.items():
            find = partial(expired_documents, days=self._days, document_class=name, now=now_us())
            while expired := (await self._runtime.store.read(find))[:_TOGETHER]:
                chosen = await self._runtime.store.read(partial(documents_to_erase, named=expired))
                await forget_sources(self._runtime, chosen.sources)
                plan = await plan_erasure(self._runtime, chosen.subjects)
                reason = f"retention: {'others' if name == _OTHERS else name}, {days} days"
                await erase(self._runtime, plan, reason, by=_SWEPT)
                await erase_late(self._runtime, [plan], reason, by=_SWEPT)
                count += len(chosen.subjects)
        if count:
            for remains in await overwrite(self._runtime):
                log.warning("retention.remains", what=remains)
            log.info("retention.erased", documents=count)
        return count


def expired_documents(
    connection: Connection, days: Mapping[str, int], document_class: str, now: int
) -> list[str]:
    """Ids of the documents of a class, ``*`` for all that no other has, that are older than it is
    kept.

    Args:
        now: microseconds since the Unix epoch.
    """
    before = now - days[document_class] * _DAY_SECONDS * 1_000_000
    rows = connection.execute(
        "SELECT registry.document_id, facets.value FROM registry "
        "LEFT JOIN search_facets AS facets ON facets.document_id = registry.document_id "
        "AND facets.key = 'class' WHERE registry.registered < ? ORDER BY registry.registered",
        (before,),
    ).fetchall()
    if document_class == _OTHERS:
        return [document_id for document_id, found in rows if found not in days]
    return [document_id for document_id, found in rows if found == document_class]


RETENTION = Producer(
    _NAME,
    "the retention of documents",
    RetentionSweep,
    lambda settings: bool(settings.section(RetentionSettings).days),
)
