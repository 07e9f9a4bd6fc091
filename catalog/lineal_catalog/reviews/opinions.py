"""Numbering the answers about an item: one number, one answer, whoever is first.

Two people may answer at once. Each says which number the answer has, the next after what was read;
the number is an effect of the answer, so the second is refused and shown what the first has said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from lineal.effects.effect import Effect, register
from lineal.errors import StateConflict
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_catalog.reviews.item_state import Opinion

OPINIONS = Table(
    "review_opinions",
    """
CREATE TABLE review_opinions (
    item_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    outcome TEXT NOT NULL,
    before_sha256 TEXT NOT NULL,
    after_sha256 TEXT NOT NULL,
    decided INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    closes INTEGER NOT NULL,
    subject TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (item_id, number)
) WITHOUT ROWID;
CREATE INDEX review_opinions_by_subject ON review_opinions (subject);
""",
    from_records=False,
)
_COLUMNS = (
    "item_id, number, event_id, actor, outcome, before_sha256, after_sha256, decided, "
    "milliseconds, closes, subject, target"
)


@dataclass(frozen=True, slots=True)
class ReviewAnswer(Effect):
    """Somebody has answered an item, as the answer of this number.

    Applying it raises :class:`~lineal.errors.StateConflict` if another event has the number. It
    ends the person's lease and draft.
    """

    kind: ClassVar[str] = "review.answer"
    read_by_others: ClassVar[bool] = True

    item_id: str
    number: int
    event_id: str
    actor: str
    outcome: str
    before: str
    after: str
    decided: int
    milliseconds: int
    closes: bool
    subject: str
    target: str


def insert_answer(connection: Connection, answer: ReviewAnswer) -> None:
    """Write an answer, unless its number is taken."""
    connection.execute(
        f"INSERT INTO review_opinions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (item_id, number) DO NOTHING",
        (
            answer.item_id, answer.number, answer.event_id, answer.actor, answer.outcome,
            answer.before, answer.after, answer.decided, answer.milliseconds, int(answer.closes),
            answer.subject, answer.target,
        ),
    )  # fmt: skip


def _apply(connection: Connection, answers: Sequence[ReviewAnswer]) -> None:
    for answer in answers:
        insert_answer(connection, answer)
        known = opinions_of(connection, answer.item_id)
        holder = next(item for item in known if item.number == answer.number)
        if holder.event_id != answer.event_id or any(
            item.closes and item.number < answer.number for item in known
        ):
            raise StateConflict(f"{holder.actor} has answered meanwhile")
        for table in ("review_leases", "review_drafts"):
            connection.execute(
                f"DELETE FROM {table} WHERE item_id = ? AND actor = ?",
                (answer.item_id, answer.actor),
            )


register(_apply, ReviewAnswer)


def opinions_of(connection: Connection, item_id: str) -> tuple[Opinion, ...]:
    """All answers about an item, in their order."""
    rows = connection.execute(
        "SELECT number, event_id, actor, outcome, before_sha256, after_sha256, decided, "
        "milliseconds, closes FROM review_opinions WHERE item_id = ? ORDER BY number",
        (item_id,),
    )
    return _opinions(rows.fetchall())


def decisions_about(connection: Connection, subject: str) -> tuple[Opinion, ...]:
    """The answers that decided items of a subject, the oldest first."""
    rows = connection.execute(
        "SELECT number, event_id, actor, outcome, before_sha256, after_sha256, decided, "
        "milliseconds, closes FROM review_opinions WHERE subject = ? AND closes = 1 "
        "ORDER BY decided, event_id",
        (subject,),
    )
    return _opinions(rows.fetchall())


def _opinions(rows: Sequence[tuple[Any, ...]]) -> tuple[Opinion, ...]:
    return tuple(Opinion(*row)._replace(closes=bool(row[-1])) for row in rows)
