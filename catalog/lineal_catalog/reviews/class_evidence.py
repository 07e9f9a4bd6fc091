"""How often a model of classes is right where few answers say so, and whom to ask meanwhile.

As long as too few answers show the rate of errors that is wanted, people are asked about a part of
what the model is sure of, drawn by chance: as large a part as keeps the errors that nobody sees
below the rate, were the model as often wrong as the answers allow. Each answer makes it smaller.
"""

from __future__ import annotations

from typing import Any

from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_catalog.models.promotions import model_in_use
from lineal_catalog.reviews.error_bounds import answers_missing, error_bound, min_right
from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.reviews import ReviewRequested

AUDIT = "audit"
"""Why people are asked about what the machine is sure of."""


def evidence_now(connection: Connection, shown: ClassEvidence) -> ClassEvidence:
    """What a model was shown with, and what people have answered since it came into use, of those
    questions that were drawn by chance."""
    in_use = model_in_use(connection, shown.model)
    answers, right = connection.execute(
        "SELECT count(*), coalesce(sum(made.outcome = 'confirmed'), 0) FROM reviews "
        "JOIN review_opinions AS made ON made.item_id = reviews.item_id AND made.closes = 1 "
        "WHERE reviews.target = 'class' AND reviews.reason = ? AND reviews.created >= ?",
        (AUDIT, 0 if in_use is None else in_use.since),
    ).fetchone()
    return shown.model_copy(
        update={
            "looked_at": shown.looked_at + answers,
            "wrong": shown.wrong + answers - right,
        }
    )


def share_to_ask(evidence: ClassEvidence) -> float:
    """Which part of what the model is sure of people look at; 0: the rate is shown."""
    bound = error_bound(evidence.wrong, evidence.looked_at)
    return max(0.0, 1.0 - evidence.error_rate / bound)


def evidence_figures(connection: Connection, shown: ClassEvidence) -> dict[str, Any]:
    """What it rests on now, as JSON and pages have it: how many were looked at and right, how many
    are right at the least, and how many more right answers it takes until people are asked no more
    about what the model is sure of."""
    now = evidence_now(connection, shown)
    return {
        "looked_at": now.looked_at,
        "right": now.looked_at - now.wrong,
        "min_right": min_right(now.wrong, now.looked_at),
        "error_rate": now.error_rate,
        "missing": answers_missing(now.wrong, now.looked_at, now.error_rate),
        "asked_share": share_to_ask(now),
    }


def newest_evidence(connection: Connection, model: str) -> dict[str, Any] | None:
    """The same of the model that is in use, as the last question about what it is sure of had it;
    None: none was asked."""
    in_use = model_in_use(connection, model)
    if in_use is None:
        return None
    row = connection.execute(
        "SELECT request FROM reviews WHERE target = 'class' AND reason = ? AND created >= ? "
        "ORDER BY created DESC, item_id LIMIT 1",
        (AUDIT, in_use.since),
    ).fetchone()
    data = small_object(connection, row[0]) if row and row[0] else None
    asked = None if data is None else ReviewRequested.model_validate_json(data)
    if asked is None or asked.evidence is None or asked.evidence.model != model:
        return None
    return evidence_figures(connection, asked.evidence)
