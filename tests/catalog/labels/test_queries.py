"""What labelling jobs are asked, on each kind of store."""

from __future__ import annotations

import orjson

from lineal.effects.effect import apply
from lineal.effects.objects import ObjectPut
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Artifact, digest
from lineal.store.connection import Connection
from lineal_catalog.labels.dashboard import job_figures
from lineal_catalog.labels.projection import ITEMS_ROLE, JOB_ROLE, VALUE_ROLE
from lineal_catalog.labels.queries import find_job, known_answers, next_items
from tests.lineage.records import one_step


def stored(connection: Connection, value: object, role: str) -> Artifact:
    data = orjson.dumps(value)
    apply(connection, [ObjectPut(data)])
    return Artifact(digest(data), "application/json", len(data), role)


def test_items_are_shared_and_figures_counted(connection: Connection) -> None:
    job = stored(connection, {"name": "kinds", "classes": ["cat"]}, JOB_ROLE)
    items = [{"item": {"item": f"d{n}", "subject": f"document:d{n}"}} for n in range(2)]
    items[0]["known"] = "cat"  # type: ignore[assignment]
    head = {"act": "job", "job": "j", "what": "label", "answers": 2, "cost": 3_600_000_000}
    record = one_step("label_job:j", kind="label", outputs=[job], attributes=head)
    piece = stored(connection, items, ITEMS_ROLE)
    more = one_step(
        "label_job:j", kind="label", outputs=[piece],
        attributes={"act": "items", "job": "j", "begin": 0},
    )  # fmt: skip
    Ledger().append(connection, [record, more])
    found = find_job(connection, "kinds")
    assert known_answers(connection, "j") == {"d0": "cat"}
    for actor in ("user:ann", "user:bob"):
        offered = [item.item for item in next_items(connection, found, actor, 1)]
        assert offered == ["d0", "d1"]
        label = stored(connection, {"label": "cat"}, VALUE_ROLE)
        given = one_step(
            "document:d0", kind="label", actor=actor, worked=2_000_000, outputs=[label],
            events_out=[actor], attributes={"act": "give", "job": "j", "item": "d0"},
        )  # fmt: skip
        Ledger().append(connection, [given])
        assert [item.item for item in next_items(connection, found, actor, 1)] == ["d1"]
    assert [item.item for item in next_items(connection, found, "user:cat", 1)] == ["d1"]
    assert found.to_dict(connection)["done"] == 1
    figures = job_figures(connection, found)
    assert [(each.accuracy, each.agreement) for each in figures.workers] == [(1.0, 1.0)] * 2
    assert figures.cost == 4.0
