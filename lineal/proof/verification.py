"""The interface of the checks of ``lineal verify``, and the function that runs them.

A package adds checks of its own under the entry points ``lineal.checks``: an object with a name and
``run``, which looks at something and says what it found wrong with it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lineal.errors import StoreDamaged
from lineal.proof.checkpoint import Checkpoint
from lineal.proof.files import OutsideCheckpoints
from lineal.proof.note import VerifierKey
from lineal.proof.policy import Policy
from lineal.store.connection import Connection

if TYPE_CHECKING:
    from lineal.proof.kept_checkpoints import KeptCheckpoint
    from lineal.proof.topic_reading import TopicsRead

Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


class LargeObjects(Protocol):
    """Large objects to be read only."""

    def stored(self) -> Iterator[str]:
        """The digests of all that are there, in no order."""
        ...

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes of one piece by piece, as they are where they are kept.

        Raises:
            BlobMissing: before the first piece.
        """
        ...


class Finding(NamedTuple):
    """A finding of a check."""

    check: str
    """Who found it."""
    what: str
    """For people: what is wrong, where."""
    record: int | None = None
    """Number of the first record concerned, if there is one."""


@dataclass(slots=True)
class VerificationContext:
    """The store, objects and checkpoints to verify, and the keys to trust."""

    connection: Connection
    """Cannot write; the same state of the store until the end."""
    folder: Path
    """The data folder."""
    outside: OutsideCheckpoints
    keys: Sequence[VerifierKey]
    """Those that are trusted to sign the log."""
    policy: Policy | None = None
    """Who must have cosigned."""
    since: Checkpoint | None = None
    """What lies before it was verified already."""
    given: Sequence[KeptCheckpoint] = ()
    """Checkpoints that whoever verifies has kept elsewhere."""
    witnessed: Sequence[KeptCheckpoint] = ()
    """Those that witnesses give out."""
    large: LargeObjects | None = None
    """Where large objects are; None: they are not looked at."""
    from_outside: frozenset[str] = frozenset()
    """Event types that not only stages make."""
    topics: TopicsRead | None = None
    """What the topics of a broker hold; None: they are not looked at, or the bus is embedded."""
    results: dict[str, int | str | None] = field(default_factory=dict)
    """What checks have to say beside their findings, by name."""


class Check(Protocol):
    """A check of one thing."""

    @property
    def name(self) -> str: ...

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        """Everything that is wrong, the worst first where it matters.

        Raises:
            StoreUnavailable, StoreDamaged: the store cannot be read.
        """
        ...


class Verified(NamedTuple):
    """The results of all checks."""

    findings: tuple[Finding, ...]
    checks: tuple[str, ...]
    results: dict[str, int | str | None]

    @property
    def first(self) -> Finding | None:
        """The finding with the smallest record, else the first."""
        return min(self.findings, key=_place, default=None)


_UNREADABLE = (StoreDamaged, sqlite3.Error, LookupError, TypeError, ValueError)


def _place(finding: Finding) -> float:
    return math.inf if finding.record is None else finding.record


def begin_snapshot(connection: Connection) -> None:
    """Let a connection that only reads see one state of the store until its transaction ends; it
    may make temporary tables in it, which are gone with the transaction or the connection."""
    isolated = connection.dialect.name == "postgres"
    # Postgres makes no temporary table in a transaction that is for reading only.
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE" if isolated else "BEGIN")


def run_checks(
    checks: Iterable[Check],
    context: VerificationContext,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Verified:
    """Run checks one after the other.

    Args:
        progress: called with the name of a check, how much it has done, and of how much.

    Raises:
        As :meth:`Check.run`.
    """
    findings: list[Finding] = []
    names = []
    for check in checks:
        name = check.name
        names.append(name)
        try:
            for finding in check.run(context, partial(progress, name)):
                findings.append(finding)  # one by one: what was found before it ended counts
        except _UNREADABLE as error:
            # Whoever changed a row may have put anything into it.
            findings.append(Finding(name, f"cannot be looked at: {type(error).__name__}: {error}"))
    return Verified(tuple(findings), tuple(names), context.results)
