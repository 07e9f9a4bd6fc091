"""Writes lineage in the formats of other tools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from lineal.lineage.graph import lineage_graph, mermaid
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal_cli.options import CommandFailed, load_settings

if TYPE_CHECKING:
    from lineal.proof.note import Signer


class Format(StrEnum):
    """A format of ``lineal lineage --format``."""

    OPENLINEAGE = "openlineage"
    PROV_JSON = "prov-json"
    PROV_O = "prov-o"
    JSON_LD = "json-ld"
    IN_TOTO = "in-toto"
    MERMAID = "mermaid"


def exported(
    connection: Connection, steps: Sequence[RecordedStep], format: Format, signing: Path | None
) -> bytes:
    """Steps in a format.

    Args:
        signing: the data folder whose log's key signs statements; None: they are not signed.

    Raises:
        CommandFailed: it holds none of what the format is for, or there is no key.
        UnusableKey: the key cannot be read.
    """
    if format is Format.IN_TOTO:
        return _statements(connection, steps, signing)
    graph = lineage_graph(steps)
    if format is Format.MERMAID:
        return mermaid(graph).encode()
    if format is Format.OPENLINEAGE:
        from lineal.lineage.exports.openlineage import run_events

        return _lines(run_events(graph))
    from lineal.lineage.exports.prov import prov_document

    document = prov_document(graph)
    if format is Format.JSON_LD:
        from lineal.lineage.exports.jsonld import jsonld

        document = jsonld(document)
    if format in (Format.PROV_JSON, Format.JSON_LD):
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    from lineal.lineage.exports.turtle import turtle

    return turtle(document).encode()


def _statements(
    connection: Connection, steps: Sequence[RecordedStep], signing: Path | None
) -> bytes:
    from lineal.proof.dsse import IN_TOTO, signed_envelope
    from lineal_catalog.models.attestation import training_statements

    statements = training_statements(connection, steps)
    if not statements:
        raise CommandFailed(
            "none of these steps trained a model, and in-toto statements are of models: "
            "ask for model:NAME (`lineal model list`)"
        )
    if signing is None:
        return _lines(statements)
    signers = _signers(signing)
    return _lines(
        signed_envelope(orjson.dumps(statement), IN_TOTO, signers) for statement in statements
    )


def _signers(folder: Path) -> Sequence[Signer]:
    from lineal.proof.keys import read_keys

    settings = load_settings(folder)
    file = settings.log.key_file(folder)
    password = settings.log.key_password
    try:
        return read_keys(file, None if password is None else password.get_secret_value()).signers
    except FileNotFoundError as error:
        raise CommandFailed(
            f"there is no key {file} to sign with: the first daemon that signs the log makes it"
        ) from error


def _lines(values: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)
