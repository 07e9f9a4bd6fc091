"""Erasing documents with what they were taken from: planned, shown, then done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lineal.access.credential import Credential
from lineal.erasure.erase import ErasurePlan, erase, overwrite, plan_erasure
from lineal.erasure.late_steps import erase_late
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.erasing import DocumentsToErase, documents_to_erase
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import ErasedDocument, UnknownDocument, find_document
from lineal_catalog.packages.queries import packages_of_document
from lineal_catalog.packages.requests import request_checks
from lineal_producers.ingested_sources import forget_sources

_BATCH_SIZE = 50
"""Documents that are erased together: each time the events are looked through."""


class PlannedErasure(NamedTuple):
    """What would be erased."""

    plans: list[ErasurePlan]
    documents: DocumentsToErase
    counts: Counter[str]
    remains: list[str]
    """What stays, in words."""

    @property
    def subjects(self) -> list[str]:
        """Of all that is erased."""
        return [subject for plan in self.plans for subject in plan.references.subjects]


async def plan_documents(
    runtime: Runtime,
    named: Sequence[str],
    owner: str | None = None,
    subject: str | None = None,
) -> PlannedErasure:
    """Find all that belongs to documents.

    Args:
        named: ids, unique beginnings of ids, or names.
        owner: whose documents are meant as well, where nobody else owns them.
        subject: another subject that is erased with them.

    Raises:
        UnknownDocument: there is none of a name.
    """
    await runtime.flush_ledger()
    chosen = []
    for wanted in named:
        try:
            found = await runtime.store.read(partial(find_document, wanted=wanted))
            chosen.append(found.document_id)
        except ErasedDocument as error:  # perhaps it was interrupted
            chosen.append(error.erasure.subject.partition(":")[2])
        except UnknownDocument as error:
            raise UnknownDocument(
                f"{error}; one that waits for `lineal up` still: --subject document:ID, with the "
                "id that `lineal put` has printed"
            ) from None
    documents = await runtime.store.read(lambda c: documents_to_erase(c, chosen, owner))
    subjects = [*documents.subjects, *([subject] if subject is not None else [])]
    plans = [
        await plan_erasure(runtime, subjects[at : at + _BATCH_SIZE], also_erased=subjects)
        for at in range(0, len(subjects), _BATCH_SIZE)
    ]
    counts: Counter[str] = Counter()
    remains: dict[str, None] = {}
    for plan in plans:
        counts += Counter(plan.counts)
        remains.update(dict.fromkeys(plan.remains))
    sources = await forget_sources(runtime, documents.sources, dry=True)
    counts["ingested sources"] = sources.forgotten
    for path in sources.still_there:
        remains[f"the file that it was taken from: {path}"] = None
    for document_id in documents.attached_elsewhere:
        remains[f"document {document_id}, which is attached to another document too"] = None
    for document_id in documents.owned_by_others:
        remains[f"document {document_id}, which has another owner too: name it to erase it"] = None
    return PlannedErasure(plans, documents, +counts, list(remains))


async def erase_planned(
    runtime: Runtime,
    planned: PlannedErasure,
    reason: str,
    *,
    by: Credential,
    rewrite: bool = False,
) -> Counter[str]:
    """Erase what was planned; what stays is added to the plan's list.

    Args:
        reason: why; it is kept for ever.
        by: who decides.
        rewrite: rewrite the whole database file too.

    Returns:
        How many of what were erased.

    Raises:
        NotPermitted: they may not.
    """
    by.require("erase")
    packages = await runtime.store.read(partial(_packages_of, planned.documents.documents))
    counts: Counter[str] = Counter()
    sources = await forget_sources(runtime, planned.documents.sources)
    counts["ingested sources"] = sources.forgotten
    for plan in planned.plans:
        counts += await erase(runtime, plan, reason, by=by)
    late, unfinished = await erase_late(runtime, planned.plans, reason, by=by)
    counts += late
    if runtime.embedded_bus is None:  # which knows what is being handled
        unfinished = [DOCUMENT + item for item in planned.documents.unfinished]
    for subject in unfinished:
        planned.remains.append(f"what a step is just making of {subject}: erase it again soon")
    planned.remains.extend(await overwrite(runtime, rewrite=rewrite))
    # What an erased document said is not compared any more.
    await request_checks(runtime, packages, by, "lineal:erase")
    return +counts


def _packages_of(documents: Sequence[str], connection: Connection) -> list[tuple[str, str]]:
    found = [one for name in documents for one in packages_of_document(connection, name)]
    return list(dict.fromkeys(found))
