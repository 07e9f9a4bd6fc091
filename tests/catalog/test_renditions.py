"""In which form a document is there: the newest of each."""

from __future__ import annotations

from typing import Any

from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Artifact, Build, Record
from lineal.store.connection import Connection
from lineal_catalog.documents.renditions import find_renditions
from tests.lineage.records import one_step

SUBJECT = "document:d"
OLD_STEP, NEW_STEP = "0a" * 32, "0b" * 32


def record(**fields: Any) -> Record:
    build = Build("ocr", "1", "c" * 64, "f" * 64)
    return one_step(fields.pop("subject", SUBJECT), build, actor="stage:ocr", **fields)


def text(name: str) -> Artifact:
    return Artifact(name * 32, "text/plain", 1, "text")


def done(step: str, name: str) -> Record:
    return record(step=step, outputs=[text(name)])


def test_the_newest_of_each_form(connection: Connection) -> None:
    pdf = Artifact("33" * 32, "application/pdf", 1, "pdf")
    first = record(step=OLD_STEP, outputs=[text("11"), pdf])
    Ledger().append(connection, [first, done(NEW_STEP, "22")])
    assert find_renditions(connection, "d") == {"text": text("22"), "pdf": pdf}


def test_what_a_stage_makes_again_after_it_was_set_back(connection: Connection) -> None:
    """It is remembered: no step makes it, and still it is what the document has now."""
    again = record(step=OLD_STEP, outcome="memoised")
    Ledger().append(connection, [done(OLD_STEP, "11"), done(NEW_STEP, "22"), again])
    assert find_renditions(connection, "d") == {"text": text("11")}


def test_what_a_replay_emits_again_after_a_stage_was_set_back(connection: Connection) -> None:
    replayed = [
        record(
            subject=subject, kind="replay", outcome="memoised", step=step, events_in=["in"],
            events_out=["out"],
        )
        for subject, step in (("document:other", NEW_STEP), (SUBJECT, OLD_STEP))
    ]  # fmt: skip
    Ledger().append(connection, [done(OLD_STEP, "11"), done(NEW_STEP, "22"), *replayed])
    assert find_renditions(connection, "d") == {"text": text("11")}
