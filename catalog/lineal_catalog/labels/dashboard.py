"""How labelling goes: time, throughput, agreement, accuracy on known items, cost.

Everything is counted from the labels that the ledger has, whenever it is asked.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Any, NamedTuple

from lineal.store.connection import Connection
from lineal_catalog.labels.agreement import Vote, cohen_kappa, fleiss_kappa, majority
from lineal_catalog.labels.queries import PPM, Job, known_answers, votes_of

BUCKET_US = 3600 * 1_000_000
"""How it goes is counted by the hour."""


class WorkerFigures(NamedTuple):
    """What one person has done in a job."""

    worker: str
    items: int
    seconds: float
    median_seconds: float
    """Of an item."""
    per_hour: float | None
    """Items for each hour of their time; None: no time was measured."""
    agreement: float | None
    """Of the items that others have labelled too, the share of which they say what most say."""
    kappa: float | None
    """Cohen's kappa of their labels and of what the others mostly say."""
    known: int
    """Items they have labelled whose answer is known."""
    accuracy: float | None
    """Of these, the share that they have got right."""
    cost: float


class HourFigures(NamedTuple):
    """What was done in a job within an hour; without labels that were imported."""

    from_us: int
    """When it began, in microseconds since the Unix epoch."""
    labels: int
    median_seconds: float
    """Of an item."""
    agreement: float | None
    """Of the labels of items that others have labelled too, the share that says what most say."""
    accuracy: float | None
    """Of the labels of known items, the share that is right; None: there was none."""
    cost: float


class JobFigures(NamedTuple):
    """What was done in a job."""

    job: str
    labels: int
    workers: tuple[WorkerFigures, ...]
    kappa: float | None
    """Fleiss' kappa of all."""
    seconds: float
    cost: float
    hours: tuple[HourFigures, ...]
    """Those in which labels were given."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        shown = self._asdict()
        hours = [hour._asdict() for hour in shown.pop("hours")]
        return shown | {
            "workers": [worker._asdict() for worker in self.workers],
            "throughput": hours,
        }

    def to_rows(self) -> list[tuple[str, ...]]:
        """As CSV shows it: a row of names, and one for each person."""
        rows: list[tuple[str, ...]] = [WorkerFigures._fields]
        for worker in self.workers:
            rows.append(tuple("" if value is None else _text(value) for value in worker))
        return rows


def _text(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def job_figures(connection: Connection, job: Job) -> JobFigures:
    """All figures of a job."""
    rows = connection.execute(
        "SELECT actor, item_id, vote, milliseconds, given, imported FROM label_votes "
        "WHERE job_id = ? ORDER BY given, item_id, actor",
        (job.job_id,),
    ).fetchall()
    votes = votes_of(connection, job.job_id)
    known = known_answers(connection, job.job_id)
    by_item: dict[str, dict[str, str]] = defaultdict(dict)
    for vote in votes:
        by_item[vote.item][vote.worker] = vote.label
    times: dict[str, list[float]] = defaultdict(list)
    given_in: dict[int, list[_Given]] = defaultdict(list)
    for actor, item, _, milliseconds, given, imported in rows:
        times[actor].append(milliseconds / 1000)
        if not imported:
            hour = given // BUCKET_US * BUCKET_US
            given_in[hour].append(_Given(actor, item, milliseconds / 1000))
    cost_per_hour = job.cost / PPM
    workers = tuple(
        _figures(worker, times[worker], by_item, known, cost_per_hour) for worker in sorted(times)
    )
    hours = tuple(
        _hour(begin, given, by_item, known, cost_per_hour)
        for begin, given in sorted(given_in.items())
    )
    return JobFigures(
        job.job_id, len(rows), workers, fleiss_kappa(votes),
        sum(worker.seconds for worker in workers), sum(worker.cost for worker in workers), hours,
    )  # fmt: skip


class _Given(NamedTuple):
    worker: str
    item: str
    seconds: float


def _hour(
    begin: int,
    given: list[_Given],
    by_item: dict[str, dict[str, str]],
    known: dict[str, str],
    cost_per_hour: float,
) -> HourFigures:
    agreed: list[bool] = []
    right: list[bool] = []
    for each in given:
        labels = by_item.get(each.item, {})
        if each.worker not in labels:
            continue
        own = labels[each.worker]
        if each.item in known:
            right.append(own == known[each.item])
        said = _said_by_others(labels, each.worker)
        if said is not None:
            agreed.append(own == said)
    return HourFigures(
        from_us=begin,
        labels=len(given),
        median_seconds=median(each.seconds for each in given),
        agreement=sum(agreed) / len(agreed) if agreed else None,
        accuracy=sum(right) / len(right) if right else None,
        cost=sum(each.seconds for each in given) / 3600 * cost_per_hour,
    )


def _said_by_others(labels: dict[str, str], worker: str) -> str | None:
    return majority_of([(other, label) for other, label in labels.items() if other != worker])


def _figures(
    worker: str,
    times: list[float],
    by_item: dict[str, dict[str, str]],
    known: dict[str, str],
    cost_per_hour: float,
) -> WorkerFigures:
    own: list[str] = []
    others: list[str] = []
    right = asked = 0
    for item, labels in by_item.items():
        if worker not in labels:
            continue
        if item in known:
            asked += 1
            right += labels[worker] == known[item]
        said = _said_by_others(labels, worker)
        if said is not None:
            own.append(labels[worker])
            others.append(said)
    seconds = sum(times)
    return WorkerFigures(
        worker=worker,
        items=len(times),
        seconds=seconds,
        median_seconds=median(times),
        per_hour=len(times) / seconds * 3600 if seconds else None,
        agreement=(
            sum(a == b for a, b in zip(own, others, strict=True)) / len(own) if own else None
        ),
        kappa=cohen_kappa(own, others),
        known=asked,
        accuracy=right / asked if asked else None,
        cost=seconds / 3600 * cost_per_hour,
    )


def majority_of(labels: list[tuple[str, str]]) -> str | None:
    """What most of some people say of one item; None where nobody or no majority does."""
    if not labels:
        return None
    return majority([Vote("", worker, label) for worker, label in labels])[""].label
