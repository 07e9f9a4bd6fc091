"""Questions to the queue of reviews: what waits, one item, how sure is right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.visibility import visible_to
from lineal_catalog.reviews.item_state import ItemState, Lease
from lineal_catalog.reviews.opinions import opinions_of
from lineal_catalog.reviews.thresholds import PPM
from lineal_schemas.reviews import ReviewPlace, ReviewRequested

Order = Literal["age", "confidence"]


class UnknownReview(LinealError, LookupError):
    """No item has this id, or its beginning is not unique, or who asks may not see it."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """Something that a person is to look at."""

    item_id: str
    subject: str
    target: str
    of: str
    reason: str
    document_class: str | None
    confidence: float | None
    request: str
    """Digest of the object that says where to look."""
    event_id: str
    """Of the request."""
    created: int
    """Microseconds since the Unix epoch."""
    name: str | None
    """Of the document."""
    state: ItemState

    @property
    def document_id(self) -> str | None:
        """The document it is about, if it is about one."""
        found = self.subject.removeprefix(DOCUMENT)
        return found if found != self.subject else None

    def to_dict(self, actor: str, now: int) -> dict[str, Any]:
        """As JSON lists it, to somebody at a time; other people's answers are left out where they
        are not to be seen yet."""
        held = self.state.holder(now)
        return {
            "item": self.item_id,
            "subject": self.subject,
            "document_id": self.document_id,
            "name": self.name,
            "target": self.target,
            "of": self.of,
            "reason": self.reason,
            "class": self.document_class,
            "confidence": self.confidence,
            "created_us": self.created,
            "age_seconds": max(0, now - self.created) // 1_000_000,
            "status": self.state.status(now),
            "four_eyes": self.state.four_eyes,
            "answers": len(self.state.opinions),
            "taken": None
            if held is None
            else {"by": held.actor, "since_us": held.began, "expires_us": held.expires},
            "opinions": [
                {"by": item.actor, "outcome": item.outcome, "decided_us": item.decided,
                 "seconds": item.milliseconds / 1000, "after": item.after}
                for item in self.state.visible_opinions(actor, now)
            ],
        }  # fmt: skip


_SELECT = """
SELECT reviews.item_id, reviews.subject, reviews.target, reviews.part, reviews.reason,
    reviews.document_class, reviews.confidence, reviews.request, reviews.event_id, reviews.created,
    reviews.four_eyes, reviews.superseded, review_leases.actor, review_leases.began,
    review_leases.expires, registry.name
FROM reviews
LEFT JOIN review_leases ON review_leases.item_id = reviews.item_id
LEFT JOIN registry ON registry.document_id = substr(reviews.subject, 10)
    AND substr(reviews.subject, 1, 9) = 'document:'
"""
_ANSWERED = (
    "EXISTS (SELECT 1 FROM review_opinions AS made WHERE made.item_id = reviews.item_id "
    "AND made.closes = 1)"
)


class Filter(NamedTuple):
    """Which items are wanted; None: any."""

    reason: str | None = None
    target: str | None = None
    document_class: str | None = None
    below: float | None = None
    """A confidence under this."""
    older_seconds: float | None = None
    subject: str | None = None

    def clauses(self, now: int) -> tuple[list[str], list[Any]]:
        """For a query, and its values."""
        found: list[tuple[str, Any]] = [
            (clause, value)
            for clause, value in (
                ("reviews.reason = ?", self.reason),
                ("reviews.target = ?", self.target),
                ("reviews.document_class = ?", self.document_class),
                ("reviews.subject = ?", self.subject),
                ("reviews.confidence < ?",
                 None if self.below is None else int(self.below * PPM)),
                ("reviews.created <= ?",
                 None if self.older_seconds is None
                 else now - int(self.older_seconds * 1_000_000)),
            )
            if value is not None
        ]  # fmt: skip
        return [clause for clause, _ in found], [value for _, value in found]


EVERYTHING = Filter()


def list_reviews(
    connection: Connection,
    *,
    now: int,
    wanted: Filter = EVERYTHING,
    status: Literal["waiting", "completed", "all"] = "waiting",
    order: Order = "age",
    limit: int | None = None,
    names: Collection[str] | None = None,
) -> list[ReviewItem]:
    """Items, the oldest or the least sure first.

    Args:
        now: microseconds since the Unix epoch.
        status: ``waiting`` are those that are not decided, whoever works on them.
        names: of who asks, to list what they may see; None: everything.
    """
    clauses, values = wanted.clauses(now)
    if status == "waiting":
        clauses += ["reviews.completed = 0", "reviews.superseded = 0", f"NOT {_ANSWERED}"]
    elif status == "completed":
        clauses.append(_ANSWERED)
    visible, parameters = _visible(names)
    clauses.append(visible)
    ordering = {
        "age": "reviews.created, reviews.item_id",
        "confidence": "coalesce(reviews.confidence, 0), reviews.created, reviews.item_id",
    }[order]
    query = f"{_SELECT} WHERE {' AND '.join(clauses)} ORDER BY {ordering}"
    if limit is not None:
        query += f" LIMIT {int(limit)}"
    rows = connection.execute(query, [*values, *parameters]).fetchall()
    return [_item(connection, row) for row in rows]


def count_waiting(
    connection: Connection, names: Collection[str] | None = None
) -> dict[str, dict[str, int]]:
    """How many items wait, by reason, by class and by target."""
    visible, parameters = _visible(names)
    rows = connection.execute(
        "SELECT reason, coalesce(document_class, ''), target, count(*) FROM reviews "
        f"WHERE completed = 0 AND superseded = 0 AND NOT {_ANSWERED} AND {visible} "
        "GROUP BY reason, coalesce(document_class, ''), target",
        parameters,
    ).fetchall()
    counts: dict[str, dict[str, int]] = {"reason": {}, "class": {}, "target": {}}
    for reason, name, target, number in rows:
        for key, value in (("reason", reason), ("class", name), ("target", target)):
            if value:
                counts[key][value] = counts[key].get(value, 0) + number
    return counts


def oldest_waiting(connection: Connection) -> int | None:
    """Since when the oldest item waits, in microseconds since the Unix epoch."""
    row = connection.execute(
        f"SELECT min(created) FROM reviews WHERE completed = 0 AND superseded = 0 "
        f"AND NOT {_ANSWERED}"
    ).fetchone()
    return None if row is None else row[0]


def find_review(
    connection: Connection, wanted: str, names: Collection[str] | None = None
) -> ReviewItem:
    """The item of an id, or of the beginning of one.

    Raises:
        UnknownReview
    """
    visible, parameters = _visible(names)
    rows = connection.execute(
        f"{_SELECT} WHERE reviews.item_id >= ? AND reviews.item_id < ? AND {visible} "
        "ORDER BY reviews.item_id LIMIT 2",
        [wanted, f"{wanted}\U0010ffff", *parameters],
    ).fetchall()
    exact = [row for row in rows if row[0] == wanted]
    if len(exact or rows) != 1 or not wanted:
        several = "several items begin with" if rows else "there is no item"
        raise UnknownReview(f"{several} {wanted!r}: `lineal review list` lists them")
    return _item(connection, (exact or rows)[0])


def request_of(connection: Connection, item: ReviewItem) -> ReviewRequested | None:
    """What was asked; None: it is erased."""
    data = small_object(connection, item.request) if item.request else None
    return None if data is None else ReviewRequested.model_validate_json(data)


def places_of(connection: Connection, item: ReviewItem) -> tuple[ReviewPlace, ...]:
    """Where to look."""
    asked = request_of(connection, item)
    return () if asked is None else asked.places


class ActsOfPerson(NamedTuple):
    """What one person has done with items that still wait."""

    answered: frozenset[str]
    skipped: frozenset[str]


def acts_of_person(connection: Connection, actor: str, item_ids: Sequence[str]) -> ActsOfPerson:
    """Which of some items somebody has answered, or left to others."""
    marks = ", ".join("?" * len(item_ids)) or "NULL"

    def found(table: str) -> frozenset[str]:
        rows = connection.execute(
            f"SELECT item_id FROM {table} WHERE actor = ? AND item_id IN ({marks})",
            (actor, *item_ids),
        )
        return frozenset(item_id for (item_id,) in rows.fetchall())

    return ActsOfPerson(found("review_opinions"), found("review_skips"))


def next_reviews(
    connection: Connection,
    actor: str,
    *,
    now: int,
    wanted: Filter = EVERYTHING,
    order: Order = "age",
    names: Collection[str] | None = None,
    limit: int = 20,
) -> list[str]:
    """Ids of the items that somebody could take now: nobody works on them, and they have neither
    skipped nor answered them."""
    clauses, values = wanted.clauses(now)
    visible, parameters = _visible(names)
    ordering = {"age": "", "confidence": "coalesce(reviews.confidence, 0), "}[order]
    rows = connection.execute(
        "SELECT reviews.item_id FROM reviews "
        f"WHERE {' AND '.join([*clauses, visible])} "
        f"AND reviews.completed = 0 AND reviews.superseded = 0 AND NOT {_ANSWERED} "
        "AND NOT EXISTS (SELECT 1 FROM review_leases AS held WHERE held.item_id = reviews.item_id "
        "AND held.actor <> ? AND held.expires > ?) "
        "AND NOT EXISTS (SELECT 1 FROM review_skips AS left_out "
        "WHERE left_out.item_id = reviews.item_id AND left_out.actor = ?) "
        "AND NOT EXISTS (SELECT 1 FROM review_opinions AS own "
        "WHERE own.item_id = reviews.item_id AND own.actor = ?) "
        f"ORDER BY {ordering}reviews.created, reviews.item_id LIMIT {int(limit)}",
        [*values, *parameters, actor, now, actor, actor],
    ).fetchall()
    return [row[0] for row in rows]


def _visible(names: Collection[str] | None) -> tuple[str, list[str]]:
    if names is None:
        return "1 = 1", []
    clause, parameters = visible_to("substr(reviews.subject, 10)", names)
    no_document = f"substr(reviews.subject, 1, {len(DOCUMENT)}) <> '{DOCUMENT}'"
    return f"({no_document} OR {clause})", list(parameters)


def _item(connection: Connection, row: Sequence[Any]) -> ReviewItem:
    lease = None if row[12] is None else Lease(row[12], row[13], row[14])
    state = ItemState(bool(row[10]), bool(row[11]), opinions_of(connection, row[0]), lease)
    confidence = None if row[6] is None else row[6] / PPM
    return ReviewItem(
        row[0], row[1], row[2], row[3], row[4], row[5], confidence, row[7], row[8], row[9],
        row[15] if str(row[1]).startswith(DOCUMENT) else None, state,
    )  # fmt: skip
