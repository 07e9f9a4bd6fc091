"""Which steps ``lineal lineage`` is asked for."""

from __future__ import annotations

from typing import NamedTuple

import typer

from lineal.lineage.builds import artifacts_of_builds
from lineal.lineage.forwards import steps_forwards
from lineal.lineage.ledger import steps_of_event
from lineal.lineage.record import Artifact, RecordedStep
from lineal.proof.logged import logged_readers, logged_steps, logged_steps_by, logged_steps_with
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import (
    DocumentInfo,
    ErasedDocument,
    UnknownDocument,
    find_document,
)
from lineal_cli.options import CommandFailed

MAX_FORWARDS = 10_000
"""Steps."""


class Selection(NamedTuple):
    """Steps, and what they are of."""

    title: str
    steps: list[RecordedStep]
    document: DocumentInfo | None = None
    erased: str | None = None
    """That, when and by whom the subject was erased."""
    mixed: bool = False
    """Whether they are about several subjects."""


def select_steps(
    connection: Connection, subject: str | None, made_with: str | None, by: str | None
) -> Selection:
    """The steps of the one of these that is given.

    Raises:
        CommandFailed: there are none.
        UnknownDocument: there is no such document.
    """
    if made_with is not None:
        return select_made_with(connection, made_with)
    if by is not None:
        return select_by(connection, by)
    assert subject is not None
    return select_subject(connection, subject)


def select_subject(connection: Connection, wanted: str) -> Selection:
    """The steps of a document, or of another subject of records: of the one that an event is about,
    given its id.

    Raises:
        CommandFailed: no record is about it.
        UnknownDocument: there is no such document.
    """
    kind, _, name = wanted.partition(":")
    if name and kind != "document":
        steps = logged_steps(connection, wanted)
        if steps or kind in ("device", "model"):  # else a document may have that name
            return _found(wanted, steps)
    try:
        found = find_document(connection, wanted)
    except ErasedDocument as error:
        subject = error.erasure.subject
        steps = logged_steps(connection, subject)
        return _found(subject, steps)._replace(erased=str(error))
    except UnknownDocument:
        of_event = steps_of_event(connection, wanted)
        if not of_event and name and kind != "document":
            raise CommandFailed(
                f"nothing is on record of {wanted!r}, and no document is called so"
            ) from None
        if not of_event:
            raise
        subject = of_event[0].subject
        return _found(subject, logged_steps(connection, subject))
    return Selection(wanted, logged_steps(connection, DOCUMENT + found.document_id), found)


def _found(subject: str, steps: list[RecordedStep]) -> Selection:
    if not steps:
        raise CommandFailed(f"no record is about {subject}")
    return Selection(subject, steps)


def select_made_with(connection: Connection, wanted: str) -> Selection:
    """The steps that used a model.

    Args:
        wanted: ``NAME``, all its versions; ``NAME:VERSION``; or the SHA-256 of its file.

    Raises:
        CommandFailed: no step did.
    """
    known = artifacts_of_builds(connection)
    used = {
        model.sha256
        for model in known
        if wanted.lower() in (model.sha256, f"sha256:{model.sha256}")
        or wanted in (model.name, f"{model.name}:{model.version}")
    }
    if not used:
        names = ", ".join(sorted({model.name for model in known})) or "none"
        raise CommandFailed(f"nothing was made with a model {wanted!r}; models used: {names}")
    return Selection(f"made with {wanted}", logged_steps_with(connection, used), mixed=True)


def select_by(connection: Connection, person: str) -> Selection:
    """What somebody did.

    Args:
        person: the name of a user, or an actor as records name it: ``user:ann``, ``token:ci``.

    Raises:
        CommandFailed: there is nothing.
    """
    for actor in (person, f"user:{person}"):
        if steps := logged_steps_by(connection, actor):
            return Selection(f"by {actor}", steps, mixed=True)
    raise CommandFailed(f"no record names {person!r} as who did something")


def select_forwards(
    connection: Connection, beginning: Selection, limit: int = MAX_FORWARDS
) -> Selection:
    """The steps of a selection with all that followed from what they made.

    Args:
        limit: after so many steps no further ones are looked for, which standard error then says.
    """
    models = {model.sha256 for model in artifacts_of_builds(connection)}

    def readers(item: Artifact) -> list[RecordedStep]:
        found = logged_readers(connection, item.sha256)
        if item.sha256 in models:
            found += logged_steps_with(connection, [item.sha256])
        return found

    steps = steps_forwards(beginning.steps, readers, limit)
    if len(steps) == limit:
        typer.echo(f"only the first {limit} steps: there may be more", err=True)
    return Selection(f"{beginning.title}, forwards", steps, erased=beginning.erased, mixed=True)
