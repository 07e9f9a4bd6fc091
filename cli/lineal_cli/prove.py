"""``lineal prove``: evidence that a stranger can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import reading_blobs

if TYPE_CHECKING:
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
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write evidence of what happened to something.

    The bundle holds the records of every step about it, and about the models that were used, with a
    proof of each that it is in the log, and the signed checkpoint. It can be checked with the
    verifier key (`lineal log key`) and a small program: examples/verify_bundle.py.
    """
    from lineal.proof.bundle import prove_records, records_behind, write_bundle
    from lineal.store.objects import object_chunks
    from lineal_cli.subjects import find_subject
    from lineal_cli.verifying import verification

    with verification(data) as context, reading_blobs(context.folder) as blobs:
        connection = context.connection
        subject = find_subject(connection, wanted)
        opened = _checkpoint(context)
        records = records_behind(connection, subject)
        evidence = prove_records(connection, records.items(), opened)
        read = (lambda digest: object_chunks(connection, blobs, digest)) if with_bytes else None
        kept = write_bundle(output, subject, evidence, read)
    if as_json:
        print_json(
            {
                "about": subject,
                "records": [one.seq for one in evidence],
                "objects": kept,
                "origin": opened.checkpoint.origin,
                "size": opened.checkpoint.size,
                "file": str(output),
            }
        )
    else:
        typer.echo(
            f"{output}: {count_of(len(evidence), 'record')} about {subject}, proven in the log of "
            f"{count_of(opened.checkpoint.size, 'record')} of {opened.checkpoint.origin}"
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
