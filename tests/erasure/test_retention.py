"""Documents are erased when they are older than their class is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lineal.erasure.erasures import find_erasures
from lineal.runtime import open_runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import list_documents
from lineal_producers.retention import RetentionSweep
from tests.erasure.documents import arrive, handle_all, settings

_DAY_US = 86_400 * 1_000_000


async def test_what_is_older_than_its_class_is_kept_goes(tmp_path: Path) -> None:
    retention = {"days": {"letter": 365, "*": 3_650}}
    async with open_runtime(settings(tmp_path / "data", retention=retention)) as runtime:
        ids = {
            name: await arrive(runtime, name, data)
            for name, data in {
                "old": b"An old letter.", "new": b"A new letter.", "refused": b"REFUSED",
            }.items()
        }  # fmt: skip
        await handle_all(runtime)

        def grow_old(connection: Connection) -> None:
            for name, days in (("old", 366), ("new", 364), ("refused", 366)):
                connection.execute(
                    "UPDATE registry SET registered = registered - ? WHERE document_id = ?",
                    (days * _DAY_US, ids[name]),
                )

        await runtime.store.write(grow_old)
        sweep = RetentionSweep(runtime)
        assert await sweep.sweep() == 1
        assert await sweep.sweep() == 0
        left = await runtime.store.read(list_documents)
        assert {info.document_id for info in left} == {ids["new"], ids["refused"]}
        (erasure,) = await runtime.store.read(lambda c: find_erasures(c, "document:"))
        assert (erasure.actor, erasure.reason) == (
            "process:retention",
            "retention: letter, 365 days",
        )


def test_days_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path / "data", retention={"days": {"letter": 0}})
