"""Questions to labelling jobs: what there is, what comes next, what holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal.store.objects import small_object
from lineal_catalog.labels.agreement import Vote
from lineal_schemas.labels import LabelItem, LabelValue

PPM = 1_000_000


class UnknownJob(LinealError, LookupError):
    """There is no labelling job, or no item in it, of this id."""


class Job(NamedTuple):
    """A labelling job."""

    job_id: str
    name: str
    kind: str
    source_job: str | None
    classes: tuple[str, ...]
    answers: int
    cost: int
    """Of an hour of a worker's time, in millionths of whatever is counted."""
    model: str | None
    """Which model learns from the labels; of whole documents the classifier does."""
    created: int
    """Microseconds since the Unix epoch."""
    actor: str
    closed: int
    """0 while it is open."""

    def to_dict(self, connection: Connection) -> dict[str, Any]:
        """As JSON lists it, with how far it is."""
        items, given, done = connection.execute(
            "SELECT count(*), coalesce(sum(n), 0), "
            "coalesce(sum(CASE WHEN n >= ? THEN 1 ELSE 0 END), 0) FROM ("
            "SELECT (SELECT count(*) FROM label_votes AS v WHERE v.job_id = i.job_id "
            "AND v.item_id = i.item_id) AS n FROM label_items AS i WHERE i.job_id = ?) AS counted",
            (self.answers, self.job_id),
        ).fetchone()
        return {
            "job": self.job_id, "name": self.name, "kind": self.kind,
            "source_job": self.source_job, "classes": list(self.classes),
            "answers": self.answers, "items": items, "given": given, "done": done,
            "status": "closed" if self.closed else "open", "created_us": self.created,
            "by": self.actor,
        }  # fmt: skip


class Given(NamedTuple):
    """A label that somebody has given."""

    item: LabelItem
    actor: str
    value: LabelValue | None
    """None where it was erased."""
    milliseconds: int
    given: int
    """Microseconds since the Unix epoch."""


class Result(NamedTuple):
    """What holds of an item when its job is closed."""

    item: LabelItem
    value: LabelValue | None
    """None: people differ, or have found the label to be wrong."""
    value_sha256: str | None
    """Digest of the label that says so."""
    confidence: float
    votes: int


_JOB = "job_id, name, kind, source_job, classes, answers, cost, model, created, actor, closed"


def list_jobs(connection: Connection) -> list[Job]:
    """All jobs, the newest first."""
    rows = connection.execute(f"SELECT {_JOB} FROM label_jobs ORDER BY created DESC, job_id")
    return [_job(row) for row in rows.fetchall()]


def find_job(connection: Connection, wanted: str) -> Job:
    """The job of an id, its only beginning, or a name.

    Raises:
        UnknownJob
    """
    rows = connection.execute(
        f"SELECT {_JOB} FROM label_jobs WHERE job_id = ? OR name = ? "
        "OR (job_id >= ? AND job_id < ?) ORDER BY job_id LIMIT 3",
        (wanted, wanted, wanted, f"{wanted}\U0010ffff"),
    ).fetchall()
    exact = [row for row in rows if row[0] == wanted]
    if len(exact or rows) != 1 or not wanted:
        several = "several labelling jobs are" if rows else "no labelling job is"
        raise UnknownJob(f"{several} called {wanted!r}: `lineal labels list` lists them")
    return _job((exact or rows)[0])


def find_item(connection: Connection, job: Job, wanted: str) -> LabelItem:
    """An item of a job.

    Raises:
        UnknownJob: the job has none of this name.
    """
    row = connection.execute(
        "SELECT item FROM label_items WHERE job_id = ? AND item_id = ?", (job.job_id, wanted)
    ).fetchone()
    if row is None:
        raise UnknownJob(f"{wanted!r} is no item of the labelling job {job.name!r}")
    return LabelItem.model_validate_json(row[0])


def items_of(connection: Connection, job_id: str) -> list[LabelItem]:
    """The items of a job, in their order."""
    rows = connection.execute(
        "SELECT item FROM label_items WHERE job_id = ? ORDER BY position", (job_id,)
    )
    return [LabelItem.model_validate_json(item) for (item,) in rows.fetchall()]


def next_items(
    connection: Connection, job: Job, actor: str, now: int, limit: int = 5
) -> list[LabelItem]:
    """Items that somebody could label now: those that enough people have labelled, or label just
    now, are left out, and those that they have labelled themselves. Of the others, what somebody
    has begun comes first, so that items are done one after the other.

    Args:
        now: microseconds since the Unix epoch.
    """
    rows = connection.execute(
        "SELECT item FROM ("
        "SELECT i.item, i.position, "
        "(SELECT count(*) FROM label_votes AS v WHERE v.job_id = i.job_id "
        "AND v.item_id = i.item_id) AS given, "
        "(SELECT count(*) FROM label_leases AS l WHERE l.job_id = i.job_id "
        "AND l.item_id = i.item_id AND l.actor <> ? AND l.expires > ? "
        "AND NOT EXISTS (SELECT 1 FROM label_votes AS d WHERE d.job_id = l.job_id "
        "AND d.item_id = l.item_id AND d.actor = l.actor)) AS held "
        "FROM label_items AS i WHERE i.job_id = ? AND NOT EXISTS ("
        "SELECT 1 FROM label_votes AS own WHERE own.job_id = i.job_id "
        "AND own.item_id = i.item_id AND own.actor = ?)) AS waiting "
        "WHERE given + held < ? ORDER BY given DESC, position LIMIT ?",
        (actor, now, job.job_id, actor, job.answers, limit),
    )
    return [LabelItem.model_validate_json(item) for (item,) in rows.fetchall()]


def votes_of(connection: Connection, job_id: str) -> list[Vote]:
    """All labels of a job as votes."""
    rows = connection.execute(
        "SELECT item_id, actor, vote FROM label_votes WHERE job_id = ? ORDER BY item_id, actor",
        (job_id,),
    )
    return [Vote(*row) for row in rows.fetchall()]


def value_digests(connection: Connection, job_id: str) -> dict[tuple[str, str], str]:
    """Of each vote (item and what is said), the digest of the first label that says so."""
    rows = connection.execute(
        "SELECT item_id, vote, value_sha256 FROM label_votes WHERE job_id = ? "
        "ORDER BY given DESC, actor DESC",
        (job_id,),
    )
    return {(item, vote): sha256 for item, vote, sha256 in rows.fetchall()}


def given_labels(connection: Connection, job_id: str) -> Iterator[Given]:
    """All labels of a job, in the order of its items."""
    rows = connection.execute(
        "SELECT i.item, v.actor, v.value_sha256, v.milliseconds, v.given FROM label_items AS i "
        "JOIN label_votes AS v ON v.job_id = i.job_id AND v.item_id = i.item_id "
        "WHERE i.job_id = ? ORDER BY i.position, v.given, v.actor",
        (job_id,),
    )
    for item, actor, sha256, milliseconds, given in rows.fetchall():
        value = label_value(connection, sha256)
        yield Given(LabelItem.model_validate_json(item), actor, value, milliseconds, given)


def results_of(connection: Connection, job_id: str) -> list[Result]:
    """What holds of the items of a closed job, in their order."""
    rows = connection.execute(
        "SELECT i.item, r.value_sha256, r.confidence, r.votes FROM label_items AS i "
        "JOIN label_results AS r ON r.job_id = i.job_id AND r.item_id = i.item_id "
        "WHERE i.job_id = ? ORDER BY i.position",
        (job_id,),
    )
    return [
        Result(
            LabelItem.model_validate_json(item),
            None if sha256 is None else label_value(connection, sha256),
            sha256, confidence / PPM, votes,
        )
        for item, sha256, confidence, votes in rows.fetchall()
    ]  # fmt: skip


def final_results(connection: Connection, job: Job) -> list[Result]:
    """What holds of all items after a job and those before it: of each item what the last job that
    had it says."""
    found: dict[str, Result] = {}
    order: list[str] = []
    at: Job | None = job
    while at is not None:
        results = results_of(connection, at.job_id)
        for result in results:
            found.setdefault(result.item.item, result)
        order = [result.item.item for result in results]
        at = None if at.source_job is None else find_job(connection, at.source_job)
    return [found[item] for item in dict.fromkeys([*order, *found])]


def result_of(connection: Connection, job_id: str, item_id: str) -> tuple[str, LabelValue] | None:
    """The digest and the value of what holds of an item; None where nothing does."""
    row = connection.execute(
        "SELECT value_sha256 FROM label_results WHERE job_id = ? AND item_id = ?",
        (job_id, item_id),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    value = label_value(connection, row[0])
    return None if value is None else (row[0], value)


def known_answers(connection: Connection, job_id: str) -> dict[str, str]:
    """The items whose answers are known, with these; nobody who labels is shown them."""
    rows = connection.execute(
        "SELECT item_id, known FROM label_items WHERE job_id = ? AND known IS NOT NULL", (job_id,)
    )
    return dict(rows.fetchall())


def label_value(connection: Connection, sha256: str) -> LabelValue | None:
    """A label by its digest; None where it was erased."""
    data = small_object(connection, sha256)
    return None if data is None else LabelValue.model_validate_json(data)


def _job(row: tuple[Any, ...]) -> Job:
    job = Job(*row)
    return job._replace(classes=tuple(orjson.loads(row[4])))
