"""Writes lineage in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import orjson

from lineal.lineage.graph import LineageGraph, lineage_graph, mermaid
from lineal.lineage.record import RecordedStep
from lineal_cli.printing import write_bytes


class Format(StrEnum):
    """A format of ``lineal lineage --format``."""

    OPENLINEAGE = "openlineage"
    PROV_JSON = "prov-json"
    PROV_O = "prov-o"
    MERMAID = "mermaid"


def write_export(steps: Sequence[RecordedStep], format: Format, output: Path | None) -> None:
    """Write steps to a file, or to standard output."""
    written = _exported(lineage_graph(steps), format)
    if output is None:
        write_bytes(written)
    else:
        output.write_bytes(written)


def _exported(graph: LineageGraph, format: Format) -> bytes:
    if format is Format.MERMAID:
        return mermaid(graph).encode()
    if format is Format.OPENLINEAGE:
        from lineal.lineage.exports.openlineage import run_events

        return b"".join(orjson.dumps(event) + b"\n" for event in run_events(graph))
    from lineal.lineage.exports.prov import prov_document

    document = prov_document(graph)
    if format is Format.PROV_JSON:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    from lineal.lineage.exports.turtle import turtle

    return turtle(document).encode()
