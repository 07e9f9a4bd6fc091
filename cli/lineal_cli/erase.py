"""``lineal erase``: removes documents, or a subject, everywhere, and records that it did."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal_producers.document_erasure import PlannedErasure


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
            help="Rewrite the whole database file too: once, for a database of before. "
            "In Postgres the files of all tables, while nobody else can use these.",
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
    from lineal.access.senders import acting_credential
    from lineal.runtime import open_runtime
    from lineal_producers.document_erasure import erase_planned, plan_documents

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("erase")
        planned = await plan_documents(runtime, named, owner, subject)
        if dry_run:
            _report(planned, planned.counts, "would be erased", as_json, dry_run=True)
            return
        if not yes:
            _report(planned, planned.counts, "will be erased, for good", False)
            typer.confirm("Erase?", abort=True, err=True)
        counts = await erase_planned(runtime, planned, reason, by=by, rewrite=rewrite)
        _report(planned, counts, "erased", as_json)


def _report(
    planned: PlannedErasure,
    counts: Mapping[str, int],
    done: str,
    as_json: bool,
    *,
    dry_run: bool = False,
) -> None:
    subjects = planned.subjects
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
