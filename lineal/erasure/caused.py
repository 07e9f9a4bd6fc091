"""Other subjects that follow from one: events that its steps emitted are about them.

Of some families all that there is comes from the one event that began them, as a parcel's from its
order: they are parts of what caused them, and erased with it. Others gather from many, as an
account does: they are named, for who erases to decide. Records say what events were about, so it
does not matter whether somebody has handled them, nor what a bus keeps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from lineal.erasure.references import References, is_kept
from lineal.lineage.ledger import steps_of_event
from lineal.lineage.projections import installed_projections
from lineal.runtime import Runtime
from lineal.store.connection import Connection


class CausedSubjects(NamedTuple):
    """Subjects of events that steps about others emitted."""

    parts: frozenset[str]
    """Those of families that belong to what caused them."""
    others: Mapping[str, Collection[str]]
    """The rest, with the types of the events."""


async def find_caused(
    runtime: Runtime, references: References, erased: Collection[str]
) -> CausedSubjects:
    """Follow the events that steps about subjects emitted to other subjects.

    Args:
        erased: the subjects that are being erased.

    Raises:
        BusUnavailable, StoreUnavailable
    """
    found = await runtime.store.read(lambda c: _caused(c, references, erased))
    families = tuple(name for item in installed_projections() for name in item.parts_of_cause)
    silent = tuple(name for item in installed_projections() for name in item.ids_of_causes)
    subjects = found.keys() - set(erased)
    parts = frozenset(name for name in subjects if name.startswith(families))
    return CausedSubjects(
        parts,
        {name: tuple(found[name]) for name in sorted(subjects - parts)
         if not name.startswith(silent)},
    )  # fmt: skip


def _caused(
    connection: Connection, references: References, erased: Collection[str]
) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for subject, kinds in references.caused.items():
        for kind, started in kinds.items():
            if is_kept(connection, subject, started, erased):
                found.setdefault(subject, {})[kind] = None
    # Records of before do not say what emitted events are about: the steps that handled them do.
    for event_id, kind in references.emitted.items():
        if event_id in references.handled:  # by steps about the subjects themselves
            continue
        for step in steps_of_event(connection, event_id):
            if event_id in step.events_in and is_kept(
                connection, step.subject, step.started, erased
            ):
                found.setdefault(step.subject, {})[kind] = None
    return found
