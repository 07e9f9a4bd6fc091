"""``lineal prove``: evidence that a stranger can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import reading_blobs, reading_folder

if TYPE_CHECKING:
    from lineal.proof.bundle import Evidence
    from lineal.proof.checkpoint import OpenedCheckpoint
    from lineal.proof.verification import VerificationContext


def prove(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="DOC|EVENT|MODEL",
            help="A document's id, beginning of its id, or name; an event's id; model:NAME or any "
            "other subject.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The bundle to write.")
    ],
    with_bytes: Annotated[
        bool, typer.Option("--bytes", help="Put the bytes that were read and made into it.")
    ] = False,
    covered_by: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Data folder of the log that covers this one: its key then checks the bundle, "
            "and its witnesses vouch for it.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write evidence of what happened to something.

    The bundle holds the records of every step about it, and about the models that were used, with a
    proof of each that it is in the log, and the signed checkpoint. It can be checked with the
    verifier key (`lineal log key`) and a small program: examples/verify_bundle.py.
    """
    from lineal.proof.bundle import prove_records, records_behind, write_bundle
    from lineal.proof.ledger_check import newest_holds
    from lineal.store.objects import object_chunks
    from lineal_cli.subjects import find_subject
    from lineal_cli.verifying import verification

    with verification(data) as context, reading_blobs(context.folder) as blobs:
        connection = context.connection
        subject = find_subject(connection, wanted)
        cover: Evidence | None = None
        if covered_by is None:
            opened = _checkpoint(context)
        else:
            opened, cover = _covered(context, covered_by)
        problem = newest_holds(connection, opened.checkpoint)
        if problem is not None:
            raise CommandFailed(f"{problem}: `lineal verify` says what is wrong")
        records = records_behind(connection, subject)
        evidence = prove_records(connection, records.items(), opened)
        read = (lambda digest: object_chunks(connection, blobs, digest)) if with_bytes else None
        kept = write_bundle(output, subject, evidence, read, cover)
    if as_json:
        print_json(
            {
                "about": subject,
                "records": [one.seq for one in evidence],
                "objects": kept,
                "origin": opened.checkpoint.origin,
                "size": opened.checkpoint.size,
                "covered_by": None if cover is None else _origin(cover),
                "file": str(output),
            }
        )
    else:
        typer.echo(
            f"{output}: {count_of(len(evidence), 'record')} about {subject}, proven in the log of "
            f"{count_of(opened.checkpoint.size, 'record')} of {opened.checkpoint.origin}"
            + ("" if cover is None else f", which {_origin(cover)} covers")
        )


def _checkpoint(context: VerificationContext) -> OpenedCheckpoint:
    """The newest that satisfies the policy, where there is one.

    Raises:
        CommandFailed: there is none.
    """
    from lineal.proof.trust import find_checkpoints, trusted_keys

    for item in reversed(find_checkpoints(context, trusted_keys(context)).found):
        if context.policy is None or context.policy.satisfied_by(item.opened.note):
            return item.opened
    raise CommandFailed(
        "there is no checkpoint that could prove anything: `lineal verify` says what is missing"
    )


def _covered(context: VerificationContext, folder: Path) -> tuple[OpenedCheckpoint, Evidence]:
    """The newest checkpoint that the log in a folder has recorded of this one, and the proof that
    it did.

    Raises:
        CommandFailed: it has recorded none, or has not signed that yet.
        NotProven: it is not as it was logged.
    """
    from lineal.proof.bundle import prove_records
    from lineal.proof.checkpoint import open_checkpoint
    from lineal.proof.covering import covered_logs
    from lineal.proof.keys import read_verifier_keys
    from lineal.proof.log_tables import read_log
    from lineal.proof.trust import trusted_keys

    keys = trusted_keys(context)
    with reading_folder(folder) as connection:
        own = {key.name for key in keys}
        found = [item for item in covered_logs(connection) if item.origin in own]
        row = read_log(connection)
        if not found or row is None:
            raise CommandFailed(
                f"{folder} covers no log of this folder: `lineal log cover --data {folder}` does"
            )
        newest = found[-1]
        verifiers = read_verifier_keys(folder / "log.key")
        # What witnesses have signed, if the record is in it.
        notes = [note for note in (row.witnessed, row.checkpoint) if note is not None]
        opened = [open_checkpoint(note, verifiers) for note in notes]
        signed = [item for item in opened if item.checkpoint.size >= newest.seq]
        if not signed:
            raise CommandFailed(f"{folder} has not signed yet what it has recorded of this log")
        record = newest.seq, newest.canonical
        (evidence,) = prove_records(connection, [record], signed[0])
        return open_checkpoint(str(newest.opened.note).encode(), keys), evidence


def _origin(cover: Evidence) -> str:
    return cover.proof.checkpoint.partition(b"\n")[0].decode()
