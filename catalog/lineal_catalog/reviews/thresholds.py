"""From which confidence on a class is believed: measured from what people said, and set by one.

Setting is an act: an event, and a record from which the table is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import uuid4

import orjson

from lineal.access.credential import Credential
from lineal.effects.records import lineage_records
from lineal.lineage.actor import this_worker
from lineal.lineage.record import Artifact, RecordedStep, StepEntry, digest, record_of
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_catalog.reviews.error_bounds import answers_missing, max_right, min_right
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.reviews import ReviewThresholdsSet

KIND = "review"
"""Kind of all records of reviews."""
PPM = 1_000_000
"""Confidences stand in records as whole millionths."""
PRECISIONS = (0.5, 0.999)
"""The least and the greatest share of right ones that can be asked for: answers show no certainty.
"""
NOBODY_BELIEVED = 1.01
"""A threshold that no confidence reaches."""
_SOURCE = "lineal:review"

THRESHOLDS = Table(
    "review_thresholds",
    """
CREATE TABLE review_thresholds (
    document_class TEXT PRIMARY KEY,
    threshold INTEGER NOT NULL,
    wanted_share INTEGER NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL
) WITHOUT ROWID;
""",
)


class Measured(NamedTuple):
    """One decided question about a class."""

    document_class: str
    """That the machine gave."""
    confidence: float
    right: bool


def measured_classes(connection: Connection) -> list[Measured]:
    """How sure the machine was of a class, and whether people said the same."""
    rows = connection.execute(
        "SELECT reviews.document_class, reviews.confidence, made.outcome FROM reviews "
        "JOIN review_opinions AS made ON made.item_id = reviews.item_id AND made.closes = 1 "
        "WHERE reviews.target = 'class' AND reviews.confidence IS NOT NULL "
        "AND reviews.document_class IS NOT NULL ORDER BY reviews.item_id"
    ).fetchall()
    return [Measured(name, ppm / PPM, outcome == "confirmed") for name, ppm, outcome in rows]


class ThresholdMeasurement(NamedTuple):
    """What is measured of a class."""

    document_class: str
    items: int
    right: int
    min_right: float
    """The share that is right at the least, with a confidence of 90 %: 15 of 15 show 0.86."""
    threshold: float | None
    """From which confidence on it is believed; :data:`NOBODY_BELIEVED` where it is wrong too often;
    None: too few answers to say."""
    missing: int
    """Where too few: how many more answers it takes, all of them right."""


def thresholds_for(
    measured: Sequence[Measured], precision: float, *, min_items: int = 20
) -> Mapping[str, ThresholdMeasurement]:
    """From which confidence on each class is right often enough to be believed.

    Of the items at least this sure so many were confirmed that, were fewer right than the
    precision, one time in ten at most as many would be: 45 of 45 show 95 %, 20 of 20 do not. The
    lowest such confidence is taken. A class that is shown to be wrong too often has
    :data:`NOBODY_BELIEVED`, a person looks at all of it; that takes ``min_items``. Of any other it
    cannot be said yet.

    Raises:
        ValueError: the precision is not in :data:`PRECISIONS`.
    """
    if not PRECISIONS[0] <= precision <= PRECISIONS[1]:
        raise ValueError(f"the precision is from {PRECISIONS[0]} to {PRECISIONS[1]}")
    found: dict[str, ThresholdMeasurement] = {}
    allowed = 1.0 - precision
    for name in sorted({item.document_class for item in measured}):
        items = sorted(
            (item for item in measured if item.document_class == name),
            key=lambda item: -item.confidence,
        )
        wrong = 0
        best: float | None = None
        needed = missing = answers_missing(0, 0, allowed)
        for number, item in enumerate(items, 1):
            if not item.right:
                wrong += 1
                needed += answers_missing(wrong, needed, allowed)
            # Items of one confidence are believed or doubted together.
            if number < len(items) and items[number].confidence == item.confidence:
                continue
            missing = min(missing, max(0, needed - number))
            if number >= needed:
                best = item.confidence
        if best is None and len(items) >= min_items and max_right(wrong, len(items)) < precision:
            best = NOBODY_BELIEVED
        found[name] = ThresholdMeasurement(
            name, len(items), len(items) - wrong, min_right(wrong, len(items)),
            best, missing if best is None else 0,
        )  # fmt: skip
    return found


def thresholds_set(connection: Connection) -> dict[str, float]:
    """The thresholds that people have set, by class."""
    rows = connection.execute("SELECT document_class, threshold FROM review_thresholds")
    return {name: threshold / PPM for name, threshold in rows.fetchall()}


def record_thresholds(connection: Connection, record: RecordedStep) -> None:
    """Bring the table up to date with a record of an act ``thresholds``."""
    given: dict[str, float] = orjson.loads(str(record.attributes["thresholds"]))
    connection.executemany(
        "INSERT INTO review_thresholds VALUES (?, ?, ?, ?, ?) ON CONFLICT (document_class) "
        "DO UPDATE SET threshold = excluded.threshold, wanted_share = excluded.wanted_share, "
        "actor = excluded.actor, since = excluded.since",
        [
            (name, round(value * PPM), record.attributes["precision"], record.actor,
             record.started)
            for name, value in given.items()
        ],
    )  # fmt: skip


async def set_thresholds(
    runtime: Runtime, thresholds: Mapping[str, float], precision: float, by: Credential
) -> ReviewThresholdsSet:
    """Believe classes from these confidences on.

    Raises:
        NotPermitted: they may not: it takes the act ``promote``.
    """
    by.require("promote")
    changed = ReviewThresholdsSet(
        thresholds=dict(sorted(thresholds.items())),
        precision=precision,
        by=by.actor,
        set_us=now_us(),
    )
    identifier = arrival_id(_SOURCE, "thresholds", str(uuid4()))
    event = first_event(
        changed,
        id=identifier,
        source=_SOURCE,
        actor=by.actor,
        traceparent=first_traceparent(changed.correlation_key(), identifier),
    )
    made = Artifact(digest(event.data), event.datacontenttype, len(event.data), "event")
    entry = StepEntry(
        event.correlationid,
        changed.set_us,
        kind=KIND,
        outputs=(made,),
        events_out=(identifier,),
        attributes={
            "act": "thresholds",
            "thresholds": orjson.dumps(changed.thresholds).decode(),
            "precision": round(precision * PPM),
        },
    )
    record = record_of(entry, build=None, actor=by.actor, worker=this_worker())
    await runtime.committer.publish([(event.type, event)], lineage_records([record]))
    await runtime.flush_ledger()
    return changed
