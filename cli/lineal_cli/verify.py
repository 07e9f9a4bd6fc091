"""``lineal verify``: whether the ledger is the one that was signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import FAILED, DataOption, JsonOption
from lineal_cli.printing import count_of, plain, print_json

if TYPE_CHECKING:
    from lineal.proof.verification import Check, Finding, VerificationContext, Verified

_SHOWN = 20
_LEFT_OUT = {
    "silent_witnesses": "witnesses that do not answer",
    "topics_left_out": "topics that keep nothing that could be looked at",
    "covered_left_out": "covered logs that are served elsewhere, left out",
}


def verify(
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="DOC",
            help="Only the records of this document, or of a subject such as model:NAME.",
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Only what follows this checkpoint, before which all was verified."
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHERE",
            help="A checkpoint that was kept elsewhere: a file, another data folder, or the "
            "address of a log or a witness.",
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VKEY", help="Trust this verifier key, and not the one in the data folder."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Logs to trust and witnesses that must have signed (tlog-policy)."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECK", help="Only this check, such as log, database, derived or objects."
        ),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Ask nobody: leave out a broker's topics and witnesses."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that nobody edited the ledger, or what follows from it.

    Computes the log's tree again from all records and compares it with the signed checkpoints, in
    the database, outside of it, on its topic, and with witnesses. Compares the metadata tables, the
    search index and the events that stages made with the ledger, and looks at the digests of all
    objects and at the pages of the database. Says the first thing that is wrong and what still
    holds; fails if anything is wrong. Works beside daemons, and with --offline without a network.

    Logs that this one covers (`lineal log cover`) are verified side by side.

    With DOC only its records are looked at, and with --since only the log.
    """
    from lineal.proof.verification import run_checks
    from lineal_cli.lifetime import reduce_garbage_collection
    from lineal_cli.verifying import OnlineChecks, verification
    from lineal_cli.work_bar import work_bar

    reduce_garbage_collection()  # millions of records that refer to nothing
    whole = document is None and since is None
    with (
        work_bar(quiet=as_json) as show,
        verification(
            data,
            keys=key or (),
            policy=policy,
            since=since,
            given=checkpoint or (),
            online=None if offline else OnlineChecks(whole, partial(show, "topics")),
        ) as context,
    ):
        checks = _checks(context, document, only or (), offline=offline)
        verified = run_checks(checks, context, show)
    if as_json:
        print_json(_as_json(verified))
    else:
        _print(verified)
    if verified.findings:
        raise typer.Exit(FAILED)


def _checks(
    context: VerificationContext, document: str | None, only: Sequence[str], *, offline: bool
) -> list[Check]:
    from lineal.proof.installed_checks import installed_checks
    from lineal.proof.subject_check import SubjectCheck
    from lineal_cli.covered_check import CoveredCheck
    from lineal_cli.subjects import find_subject

    if document is None:
        checks = [*installed_checks(), CoveredCheck(context.folder, offline=offline)]
        if unknown := set(only) - {check.name for check in checks}:
            known = ", ".join(check.name for check in checks)
            raise typer.BadParameter(
                f"there is no {', '.join(sorted(unknown))}: say {known}", param_hint="--only"
            )
        return [check for check in checks if not only or check.name in only]
    return [SubjectCheck(find_subject(context.connection, document))]


def _as_json(verified: Verified) -> dict[str, Any]:
    first = verified.first
    return {
        "verified": not verified.findings,
        **verified.results,
        "first": None if first is None else first._asdict(),
        "findings": [finding._asdict() for finding in verified.findings],
        "checks": list(verified.checks),
    }


def _each_check_first(findings: Sequence[Finding]) -> list[Finding]:
    """The first finding of each check, then the second ones, ...: one object that was edited can
    make many rows wrong, and is not to be hidden behind them."""
    counts: Counter[str] = Counter()
    places = []
    for finding in findings:
        places.append(counts[finding.check])
        counts[finding.check] += 1
    return [finding for _, finding in sorted(zip(places, findings, strict=True), key=itemgetter(0))]


def print_findings(first: Finding, findings: Sequence[Finding]) -> None:
    """The first thing that is wrong, and some of the others."""
    typer.echo(f"WRONG: {plain(first.what)}")
    others = _each_check_first([one for one in findings if one != first])
    for finding in others[:_SHOWN]:
        typer.echo(f"  {finding.check}: {plain(finding.what)}")
    if len(others) > _SHOWN:
        typer.echo(f"  and {len(others) - _SHOWN} more: --json lists them")


def _print(verified: Verified) -> None:
    results, first = verified.results, verified.first
    records = count_of(int(results.get("records") or 0), "record")
    if first is None:
        typer.echo(f"{records}: all as they were signed" if "records" in results else "all right")
        if "records" in results and "objects" in results:
            objects = count_of(int(results["objects"] or 0), "object")
            typer.echo(f"{objects}, tables, search index and events: all as the records say")
    else:
        print_findings(first, verified.findings)
        if "holds" in results:
            holds = results["holds"]
            typer.echo(
                f"records 1 to {holds} of {results['records']} still hold"
                if holds
                else "no part of the ledger is proven"
            )
    for left_out, said in _LEFT_OUT.items():
        if results.get(left_out):
            typer.echo(f"{said}: {plain(str(results[left_out]))}")
    if results.get("covered"):
        typer.echo(f"covered logs: {results['covered']}")
    if results.get("witnessed"):
        typer.echo(f"witnesses have signed {results['witnessed']} records")
