"""``lineal erase``: removes documents, or a subject, everywhere, and records that it did."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.erasure.erase import ErasurePlan
    from lineal.runtime import Runtime
    from lineal_catalog.documents.erasing import DocumentsToErase

_STEP = 50
"""Documents that are erased at once: each time the events are looked through."""


class _Planned(NamedTuple):
    plans: list[ErasurePlan]
    documents: DocumentsToErase
    counts: Counter[str]
    remains: list[str]


def erase(
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOC...", help="Ids, unique beginnings of ids, or names."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="NAME", help="All documents that are this owner's alone."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="KEY", help="What events are about, such as order:ID."),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why. It is kept for ever, so name nobody in it.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be erased.")
    ] = False,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite",
            help="Rewrite the whole database file too: once, for a database of before.",
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase documents everywhere, and record that it was done.

    What is attached to them goes too, unless it is attached to others as well. Run it again if it
    was interrupted: it ends the same.
    """
    if not documents and owner is None and subject is None:
        raise typer.BadParameter("name documents, --owner NAME, or --subject KEY", param_hint="DOC")
    if not reason.strip() and not dry_run:
        raise typer.BadParameter("say why: it is recorded", param_hint="--reason")
    folder = existing_data(data)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise CommandFailed("there is nobody to ask: look with --dry-run, then say --yes")
    asyncio.run(
        _erase(folder, documents or [], owner, subject, reason, yes, dry_run, rewrite, as_json)
    )


async def _erase(
    folder: Path, named: Sequence[str], owner: str | None, subject: str | None, reason: str,
    yes: bool, dry_run: bool, rewrite: bool, as_json: bool,
) -> None:  # fmt: skip
    from lineal.access.credential import owner_credential
    from lineal.erasure.erase import erase as erase_planned
    from lineal.erasure.erase import overwrite
    from lineal.runtime import open_runtime
    from lineal_producers.ingested_sources import forget_sources

    by = owner_credential()
    by.require("erase")
    async with open_runtime(load_settings(folder)) as runtime:
        planned = await _plan(runtime, named, owner, subject)
        if dry_run:
            _report(planned, planned.counts, "would be erased", as_json, dry_run=True)
            return
        if not yes:
            _report(planned, planned.counts, "will be erased, for good", False)
            typer.confirm("Erase?", abort=True, err=True)
        counts: Counter[str] = Counter()
        sources = await forget_sources(runtime, planned.documents.sources)
        counts["ingested sources"] = sources.forgotten
        for plan in planned.plans:
            counts += await erase_planned(runtime, plan, reason, by=by)
        planned.remains.extend(await overwrite(runtime, rewrite=rewrite))
        _report(planned, +counts, "erased", as_json)


async def _plan(
    runtime: Runtime, named: Sequence[str], owner: str | None, subject: str | None
) -> _Planned:
    from lineal.erasure.erase import plan_erasure
    from lineal_catalog.documents.erasing import documents_to_erase
    from lineal_catalog.documents.queries import ErasedDocument, find_document
    from lineal_producers.ingested_sources import forget_sources

    await runtime.flush_ledger()
    chosen = []
    for wanted in named:
        try:
            chosen.append((await runtime.store.read(_finder(find_document, wanted))).document_id)
        except ErasedDocument as error:  # perhaps it was interrupted
            chosen.append(error.erasure.subject.partition(":")[2])
    documents = await runtime.store.read(lambda c: documents_to_erase(c, chosen, owner))
    subjects = [*documents.subjects, *([subject] if subject is not None else [])]
    plans = [
        await plan_erasure(runtime, subjects[at : at + _STEP], also_erased=subjects)
        for at in range(0, len(subjects), _STEP)
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
    for document_id in documents.unfinished:
        remains[f"what is just being made of document {document_id}: erase it again soon"] = None
    for document_id in documents.owned_by_others:
        remains[f"document {document_id}, which has another owner too: name it to erase it"] = None
    return _Planned(plans, documents, +counts, list(remains))


def _finder(find: Any, wanted: str) -> Any:
    return lambda connection: find(connection, wanted)


def _report(
    planned: _Planned, counts: Mapping[str, int], done: str, as_json: bool, *, dry_run: bool = False
) -> None:
    subjects = [subject for plan in planned.plans for subject in plan.references.subjects]
    if as_json:
        print_json(
            {
                "subjects": subjects,
                "counts": dict(sorted(counts.items())),
                "remains": planned.remains,
                "dry_run": dry_run,
            }
        )
        return
    typer.echo(f"{count_of(len(subjects), 'subject')} {done}:")
    for name, count in sorted(counts.items()):
        typer.echo(f"  {name}: {count}")
    for stays in planned.remains:
        typer.echo(f"stays: {plain(stays)}")
