"""The projection of reviews: the items of the queue, and who works on them.

A record of the kind ``review`` says in its attributes what it is: a ``request`` for an item (its
object of the role ``review_request`` says where to look), that it is not waited for any more
(``withdraw``), an ``answer``, a ``skip``, or a change of the ``thresholds``. Leases and drafts are
kept beside: they end with the answer and are in no record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore
from lineal_catalog.reviews.opinions import OPINIONS, ReviewAnswer, insert_answer
from lineal_catalog.reviews.thresholds import KIND, THRESHOLDS, record_thresholds

REQUEST_ROLE = "review_request"
"""Role of the object that holds what was asked: a ``review.requested`` as JSON."""
BEFORE_ROLE = "review_before"
AFTER_ROLE = "review_after"
"""Roles of the values before and after an answer."""


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if record.kind == KIND_OF_ERASURES:
            connection.execute(
                "DELETE FROM review_skips WHERE item_id IN "
                "(SELECT item_id FROM reviews WHERE subject = ?)",
                (record.subject,),
            )
            for table in ("review_opinions", "reviews"):
                connection.execute(f"DELETE FROM {table} WHERE subject = ?", (record.subject,))
            continue
        act = record.attributes.get("act")
        if record.outcome != "done" or act is None:
            continue
        if act == "request":
            _requested(connection, record)
        elif act == "withdraw":
            connection.execute(
                "UPDATE reviews SET superseded = 1 WHERE item_id = ? AND completed = 0",
                (record.attributes["item"],),
            )
        elif act == "answer":
            _answered(connection, record)
        elif act == "thresholds":
            record_thresholds(connection, record)
        elif act == "skip":
            connection.execute(
                "INSERT INTO review_skips VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (record.attributes["item"], record.actor, record.started),
            )


def _requested(connection: Connection, record: RecordedStep) -> None:
    facts = record.attributes
    asked = next((item for item in record.outputs if item.role == REQUEST_ROLE), None)
    confidence = facts.get("confidence")
    added = connection.execute(
        "INSERT INTO reviews (item_id, subject, target, part, reason, document_class, confidence, "
        "four_eyes, request, event_id, created, superseded, completed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING",
        (
            facts["item"], record.subject, facts["target"], facts.get("of", ""),
            facts["why"], facts.get("document_class"),
            None if confidence is None else int(confidence),
            int(facts.get("four_eyes", 0)), "" if asked is None else asked.sha256,
            record.events_in[0], record.started,
        ),
    )  # fmt: skip
    if added.rowcount == 1:
        # What the machine made before is not worth looking at any more.
        connection.execute(
            "UPDATE reviews SET superseded = 1 "
            "WHERE subject = ? AND target = ? AND part = ? AND item_id <> ? AND completed = 0",
            (record.subject, facts["target"], facts.get("of", ""), facts["item"]),
        )


def _answered(connection: Connection, record: RecordedStep) -> None:
    facts = record.attributes
    before = next(item.sha256 for item in record.inputs if item.role == BEFORE_ROLE)
    after = next(item.sha256 for item in record.outputs if item.role == AFTER_ROLE)
    closes = bool(facts["closes"])
    insert_answer(
        connection,
        ReviewAnswer(
            str(facts["item"]), int(facts["number"]), record.events_out[0], record.actor,
            str(facts["outcome"]), before, after, record.started + record.worked,
            record.worked // 1000, closes, record.subject, str(facts["target"]),
        ),
    )  # fmt: skip
    if closes:
        connection.execute("UPDATE reviews SET completed = 1 WHERE item_id = ?", (facts["item"],))


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    items = "SELECT item_id FROM reviews WHERE subject = ?"
    count = 0
    for table in ("review_leases", "review_drafts", "review_opinions"):
        where = f"FROM {table} WHERE item_id IN ({items})"
        count += connection.execute(f"SELECT count(*) {where}", (subject,)).fetchone()[0]
        if not dry:
            connection.execute(f"DELETE {where}", (subject,))
    return count


_COPIED = {"review_leases": 4, "review_drafts": 4}


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    for table, columns in _COPIED.items():
        rows = await source.read(lambda c, t=table: c.execute(f"SELECT * FROM {t}").fetchall())  # type: ignore[misc]
        marks = ", ".join("?" * columns)

        def write(c: Connection, t: str = table, r: Sequence[tuple[object, ...]] = rows,
                  m: str = marks) -> None:  # fmt: skip
            c.executemany(f"INSERT INTO {t} VALUES ({m}) ON CONFLICT DO NOTHING", r)

        await target.write(write)
        progress(len(rows))


_REVIEWS = """
CREATE TABLE reviews (
    item_id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    target TEXT NOT NULL,
    part TEXT NOT NULL,
    reason TEXT NOT NULL,
    document_class TEXT,
    confidence INTEGER,
    four_eyes INTEGER NOT NULL,
    request TEXT NOT NULL,
    event_id TEXT NOT NULL,
    created INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    completed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX reviews_by_subject ON reviews (subject, target);
CREATE INDEX reviews_waiting ON reviews (completed, superseded, created);
"""
_SKIPS = """
CREATE TABLE review_skips (
    item_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    skipped INTEGER NOT NULL,
    PRIMARY KEY (item_id, actor)
) WITHOUT ROWID;
"""
_LEASES = """
CREATE TABLE review_leases (
    item_id TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    began INTEGER NOT NULL,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
"""
_DRAFTS = """
CREATE TABLE review_drafts (
    item_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    saved INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (item_id, actor)
) WITHOUT ROWID;
"""

REVIEWS = Projection(
    "reviews",
    (
        Table("reviews", _REVIEWS),
        Table("review_skips", _SKIPS),
        OPINIONS,
        THRESHOLDS,
        Table("review_leases", _LEASES, from_records=False),
        Table("review_drafts", _DRAFTS, from_records=False),
    ),
    _apply,
    kinds=frozenset({KIND, KIND_OF_ERASURES}),
    copy=_copy,
    erase=_erase,
)
