"""Projections: tables derived from the ledger, updated in the transaction that appends a record.

A package brings its own under the entry points ``lineal.projections``. What its tables say can
never differ from what the ledger says: ``lineal rebuild`` makes them again from all records.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from lineal.plugins import SkippedPlugin, accepted_plugins
from lineal.store.savepoint import in_savepoint
from lineal.store.trial_tables import TrialTables

if TYPE_CHECKING:
    from lineal.lineage.record import RecordedStep
    from lineal.store.connection import Connection, Store
    from lineal.store.derived_table import Table
    from lineal.store.objects import ObjectStore

ENTRY_POINTS = "lineal.projections"
_ORDINARY = "step"


Apply: TypeAlias = "Callable[[Connection, Sequence[RecordedStep]], None]"
Erase: TypeAlias = "Callable[[Connection, str, bool], int]"
Purge: TypeAlias = "Callable[[Connection], None]"
Objects: TypeAlias = "Callable[[Connection, str], Sequence[str]]"
Copy: TypeAlias = "Callable[[Store, Store, ObjectStore, Callable[[int], None]], Awaitable[None]]"


class SharedRole(NamedTuple):
    """A role of inputs that belong to other subjects than the step's."""

    subjects: str
    """Beginning of the subjects of the steps: ``order:``."""
    role: str


@dataclass(frozen=True, slots=True)
class Projection:
    """Tables, and the function that brings them up to date with steps.

    A step is applied if its kind is one of :attr:`kinds` or its subject begins with one of
    :attr:`subjects`.
    """

    name: str
    tables: tuple[Table, ...]
    apply: Apply | None = None
    """Applies steps in the order of the ledger, in the transaction that appends them. None: the
    tables are written by the effects of steps; a rebuild leaves them as they are."""
    kinds: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    copy: Copy | None = None
    """Brings what is not made from records to another store: called with the source, the target,
    the target's objects, and what to call with how many more are done."""
    erase: Erase | None = None
    """Deletes the rows of a subject that effects wrote, in the caller's transaction, and returns
    how many: called with the subject, and whether to count them only. Rows that are made from
    records go by applying the record of the erasure, which is of the kind ``erase``."""
    purge: Purge | None = None
    """Rewrites what still holds deleted rows where deleting leaves something behind."""
    objects: Objects | None = None
    """The digests of objects that only rows of a subject refer to, and that are erased with it."""
    reads_of_others: frozenset[SharedRole] = frozenset()
    """Under which roles its steps read what belongs to other subjects: it goes when they go."""
    copies: frozenset[str] = frozenset()
    """Roles of what such steps make that holds parts of what they have read: it goes as well."""
    parts_of_cause: tuple[str, ...] = ()
    """Beginnings of subjects of which all comes from the event that began them, itself about
    another subject, as ``parcel:`` from an order: they are erased with that one."""
    ids_of_causes: tuple[str, ...] = ()
    """Beginnings of subjects whose events hold ids of what caused them and nothing of its content:
    who erases what caused them is not told of them."""
    erasure: str | None = None
    """How what its tables hold of a subject is erased, or why there is nothing to erase: where
    neither :attr:`erase` does it nor applying a record of the kind ``erase``."""
    cache: bool = False
    """Whether its tables hold only what can be made again at any time."""

    def handles(self, kind: str, subject: str) -> bool:
        """Whether a step changes its tables."""
        return kind in self.kinds or subject.startswith(self.subjects)

    def handled(self, steps: Sequence[RecordedStep]) -> Sequence[RecordedStep]:
        """Those of some steps that change its tables."""
        # Called for every step whenever the whole ledger is read.
        kinds, subjects = self.kinds, self.subjects
        if not subjects:
            return [item for item in steps if item.entry.kind in kinds]
        if not kinds:
            return [item for item in steps if item.entry.subject.startswith(subjects)]
        return [
            item
            for item in steps
            if item.entry.subject.startswith(subjects) or item.entry.kind in kinds
        ]


def installed_projections() -> tuple[Projection, ...]:
    """The projections of all installed packages that can be used."""
    return _found()[0]


def skipped_projections() -> tuple[SkippedPlugin, ...]:
    """Projections of installed packages that cannot be used, and why."""
    return _found()[1]


@cache
def _found() -> tuple[tuple[Projection, ...], tuple[SkippedPlugin, ...]]:
    with TrialTables() as trial:

        def problem_of(item: object) -> str:
            if not isinstance(item, Projection):
                return f"{type(item).__name__} is no Projection"
            return trial.problem_of(item.tables)

        found = accepted_plugins(ENTRY_POINTS, problem_of)
    return tuple(found.loaded.values()), found.skipped


def projected_tables(*, derived: bool = False) -> list[Table]:
    """The tables of all installed projections; or those that are made from records alone."""
    return [
        table
        for projection in installed_projections()
        if projection.apply is not None or not derived
        for table in projection.tables
    ]


@cache
def projected() -> tuple[frozenset[str], tuple[str, ...]]:
    """The kinds of steps, and the beginnings of subjects, that any installed projection handles."""
    applied = [item for item in installed_projections() if item.apply is not None]
    kinds = frozenset(kind for item in applied for kind in item.kinds)
    return kinds, tuple(subject for item in applied for subject in item.subjects)


class LeftOut(NamedTuple):
    """Steps that a projection could not apply."""

    projection: str
    steps: int
    subject: str
    """Of the first of them."""
    error: Exception
    """What that one raised."""

    def __str__(self) -> str:
        return (
            f"the projection {self.projection} has left out {self.steps} steps, of "
            f"{self.subject} first: {self.error!r}"
        )


def report_left_out(left_out: LeftOut) -> None:
    """Say it in the log, or where there is none (in a command) on the standard error."""
    import structlog  # commands that only ask would load it for nothing

    if not structlog.is_configured():  # a command: its standard output is for its answer
        print(f"lineal: {left_out}", file=sys.stderr)
        return
    structlog.get_logger(__name__).error(
        "projection.steps_left_out",
        projection=left_out.projection, steps=left_out.steps, first=left_out.subject,
        error=repr(left_out.error), remedy="`lineal rebuild`, once its package is mended",
    )  # fmt: skip


def project(
    connection: Connection,
    steps: Sequence[RecordedStep],
    projections: Sequence[Projection] | None = None,
    on_left_out: Callable[[LeftOut], object] = report_left_out,
) -> None:
    """Bring the tables of projections, of all that are installed unless given, up to date with
    steps, in their order.

    Args:
        on_left_out: called for a projection that could not apply some of them.
    """
    # Most steps are of the ordinary kind, which few ask for by its name.
    special = [item for item in steps if item.entry.kind != _ORDINARY]
    applied: list[tuple[Projection, Sequence[RecordedStep]]] = []
    for projection in installed_projections() if projections is None else projections:
        if projection.apply is None:
            continue
        by_kind = not projection.subjects and _ORDINARY not in projection.kinds
        mine = projection.handled(special if by_kind else steps)
        if mine:
            applied.append((projection, mine))
    if applied:
        _apply_or_leave_out(connection, applied, on_left_out)


def _apply_or_leave_out(
    connection: Connection,
    applied: Sequence[tuple[Projection, Sequence[RecordedStep]]],
    on_left_out: Callable[[LeftOut], object],
) -> None:
    """Apply steps to projections; a step that one of them cannot apply is left out there, alone.

    The ledger is everybody's: a package's function that raises keeps nobody from it, and `lineal
    rebuild` applies the step once it is mended.
    """

    def apply_all() -> None:
        for projection, steps in applied:
            _apply_of(projection)(connection, steps)

    if in_savepoint(connection, apply_all) is None:
        return
    for projection, steps in applied:
        apply = _apply_of(projection)
        if in_savepoint(connection, partial(apply, connection, steps)) is None:
            continue
        failed = [
            (step, error)
            for step in steps
            if (error := in_savepoint(connection, partial(apply, connection, [step])))
        ]
        if failed:
            step, error = failed[0]
            on_left_out(LeftOut(projection.name, len(failed), step.entry.subject, error))


def _apply_of(projection: Projection) -> Apply:
    assert projection.apply is not None
    return projection.apply
