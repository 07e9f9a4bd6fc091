"""What the ledger says of a subject: its events, the bytes it read and made, its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lineal.erasure.erasures import erased_at
from lineal.lineage.ledger import steps_of_subject, stream_steps_of_artifact
from lineal.lineage.projections import installed_projections
from lineal.store.connection import Connection


@dataclass(slots=True)
class References:
    """What is known of subjects that are to be erased."""

    subjects: tuple[str, ...]
    events: set[str] = field(default_factory=set)
    """Ids of events that their steps handled or emitted."""
    digests: set[str] = field(default_factory=set)
    """SHA-256, hex, of what they read and made."""
    steps: set[bytes] = field(default_factory=set)
    """Keys of the memo."""
    stages: set[str] = field(default_factory=set)

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
            references.events.update(step.events_in)
            references.events.update(step.events_out)
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
    return {
        sha256
        for sha256 in digests
        if any(
            _is_kept(connection, subject, started, erased)
            for subject, started in _users(connection, sha256)
        )
    }


def _users(connection: Connection, sha256: str) -> Iterator[tuple[str, int]]:
    for made in (True, False):
        for step in stream_steps_of_artifact(connection, sha256, made=made):
            yield step.subject, step.started


def _is_kept(connection: Connection, subject: str, started: int, erased: set[str]) -> bool:
    if subject in erased:
        return False
    before = erased_at(connection, subject)
    return before is None or started > before
