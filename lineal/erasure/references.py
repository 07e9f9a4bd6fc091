"""What the ledger says of a subject: its events, the bytes it read and made, its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import NamedTuple

from lineal.erasure.erasures import erased_at
from lineal.lineage.ledger import steps_of_subject, stream_steps_of_artifact
from lineal.lineage.projections import SharedRole, installed_projections
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection


@dataclass(slots=True)
class References:
    """What is known of subjects that are to be erased."""

    subjects: tuple[str, ...]
    handled: set[str] = field(default_factory=set)
    """Ids of events that their steps handled."""
    emitted: dict[str, str] = field(default_factory=dict)
    """Ids of events that their steps emitted, each with its type where that is known."""
    caused: dict[str, dict[str, int]] = field(default_factory=dict)
    """Other subjects of those events, each with their types and when the last step that emitted one
    began, in microseconds since the Unix epoch; records of before do not name them."""
    digests: set[str] = field(default_factory=set)
    """SHA-256, hex, of what they read and made."""
    steps: set[bytes] = field(default_factory=set)
    """Keys of the memo."""
    stages: set[str] = field(default_factory=set)

    @property
    def events(self) -> set[str]:
        """Ids of events that their steps handled or emitted."""
        return self.handled | self.emitted.keys()

    @property
    def names(self) -> list[str]:
        """By what rows of other tables refer to the subjects: ``order:ID`` and ``ID``."""
        return [
            *self.subjects,
            *(subject.partition(":")[2] or subject for subject in self.subjects),
        ]


def find_references(connection: Connection, subjects: Sequence[str]) -> References:
    """What the ledger knows of subjects."""
    references = References(tuple(subjects))
    for subject in subjects:
        for step in steps_of_subject(connection, subject):
            references.handled.update(step.events_in)
            kinds = chain(step.entry.emitted, repeat(""))
            references.emitted.update(zip(step.events_out, kinds, strict=False))
            for other, kind in step.entry.caused:
                references.caused.setdefault(other, {})[kind] = step.started
            references.digests.update(item.sha256 for item in (*step.inputs, *step.outputs))
            if step.step is not None:
                references.steps.add(bytes.fromhex(step.step))
            if step.build is not None:
                references.stages.add(step.build.stage)
        for projection in installed_projections():
            if projection.objects is not None:
                references.digests.update(projection.objects(connection, subject))
    return references


def referenced_by_others(
    connection: Connection, digests: Iterable[str], erased: set[str]
) -> set[str]:
    """Those of some bytes that a step about another subject has read or made, which is not erased
    itself.

    Args:
        erased: the subjects that are being erased.
    """
    shared = _shared_roles()
    return {
        sha256
        for sha256 in digests
        if any(
            is_kept(connection, subject, started, erased)
            for subject, started in _users(connection, sha256, shared)
        )
    }


class DerivedCopies(NamedTuple):
    """What steps about other subjects have done with the bytes of erased ones."""

    copies: frozenset[str]
    """SHA-256, hex, of what they made that holds parts of them."""
    subjects: Mapping[str, Sequence[str]]
    """Subjects that have made something else of them, with the kinds of the steps."""


def find_derived(connection: Connection, digests: Iterable[str], erased: set[str]) -> DerivedCopies:
    """Find what was made of bytes by steps about other subjects.

    Args:
        digests: of bytes that go.
        erased: the subjects that are being erased.
    """
    shared = _shared_roles()
    copied = {role for item in installed_projections() for role in item.copies}
    copies: set[str] = set()
    subjects: dict[str, dict[str, None]] = {}
    for sha256 in digests:
        for step in stream_steps_of_artifact(connection, sha256, made=False):
            if step.subject in erased or not _reads_for_another(step, sha256, shared):
                continue
            copies.update(item.sha256 for item in step.outputs if item.role in copied)
            if any(item.role not in copied for item in step.outputs):
                subjects.setdefault(step.subject, {})[step.kind] = None
    return DerivedCopies(
        frozenset(copies), {name: tuple(kinds) for name, kinds in subjects.items()}
    )


def _shared_roles() -> frozenset[SharedRole]:
    return frozenset(role for item in installed_projections() for role in item.reads_of_others)


def _reads_for_another(step: RecordedStep, sha256: str, shared: frozenset[SharedRole]) -> bool:
    """Whether a step has read bytes of another subject, which it does not keep alive."""
    roles = {item.role for item in step.inputs if item.sha256 == sha256}
    mine = {item.role for item in shared if step.subject.startswith(item.subjects)}
    return roles <= mine


def _users(
    connection: Connection, sha256: str, shared: frozenset[SharedRole]
) -> Iterator[tuple[str, int]]:
    for made in (True, False):
        for step in stream_steps_of_artifact(connection, sha256, made=made):
            if made or not _reads_for_another(step, sha256, shared):
                yield step.subject, step.started


def is_kept(connection: Connection, subject: str, started: int, erased: Collection[str]) -> bool:
    """Whether what a step about a subject left is still there: not where the subject is among
    those that are being erased, or has been erased since the step began.

    Args:
        started: microseconds since the Unix epoch.
    """
    if subject in erased:
        return False
    before = erased_at(connection, subject)
    return before is None or started > before
