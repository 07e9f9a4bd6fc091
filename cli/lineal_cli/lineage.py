"""``lineal lineage``: shows the steps of a document, device, event or anomaly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from lineal.lineage.graph import GraphStep, LineageGraph, lineage_graph, mermaid, stored_objects
from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import Artifact, RecordedStep
from lineal.proof.logged import logged_steps
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import DocumentInfo, ErasedDocument, find_document
from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import (
    STATUS_STYLES,
    clock,
    console,
    lasting,
    on_terminal,
    plain,
    print_json,
    size,
    when,
    write_bytes,
)
from lineal_cli.reading import reading

if TYPE_CHECKING:
    from rich.tree import Tree

_SHA256_CHARACTERS = 64


def lineage(
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="DOC",
            help="Id, unique beginning of an id, or name; or device:NAME, model:NAME, anomaly:ID, "
            "or any subject of a package's own events, such as order:ID.",
        ),
    ] = None,
    object: Annotated[
        str | None,
        typer.Option(
            "--object", metavar="SHA256", help="What made and what read the bytes of this digest."
        ),
    ] = None,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="A Mermaid flowchart, to paste into Markdown.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every step that led to a document's outputs.

    Of a device every batch and what was found in it, of a model its trainings, evaluations and
    promotions. Of an anomaly where it came from: the readings, the model, and what that was learnt
    from, by which code, and who put it into use.
    """
    if (document is None) == (object is None):
        raise typer.BadParameter("give a document or --object SHA256", param_hint="DOC")
    if as_mermaid and (as_json or object is not None):
        raise typer.BadParameter("draws a document, and not as JSON", param_hint="--mermaid")
    with reading(data) as (connection, _):
        if object is not None:
            wanted = _digest(object)
            made = steps_of_artifact(connection, wanted, made=True)
            read = steps_of_artifact(connection, wanted, made=False)
            _print_object(wanted, made, read, as_json)
            return
        assert document is not None
        kind, _, name = document.partition(":")
        if kind == "anomaly" and name:
            _print_origin(data, name, as_json)
            return
        if name and kind != "document":
            steps = logged_steps(connection, document)
            if steps or kind in ("device", "model"):  # else a document may have that name
                _print_subject(document, steps, as_mermaid, as_json)
                return
        try:
            found = find_document(connection, document)
        except ErasedDocument as error:
            if not as_json and not as_mermaid:
                typer.echo(plain(str(error)))
            subject = error.erasure.subject
            _print_subject(subject, logged_steps(connection, subject), as_mermaid, as_json)
            return
        records = logged_steps(connection, DOCUMENT + found.document_id)
    if as_json:
        _print_steps(records)
    elif as_mermaid:
        typer.echo(mermaid(lineage_graph(records)), nl=False)
    else:
        _print_graph(found, lineage_graph(records))


def _print_steps(records: list[RecordedStep]) -> None:
    lines = [orjson.dumps(step.fields(), option=orjson.OPT_SORT_KEYS) for step in records]
    write_bytes(b"[" + b",\n ".join(lines) + b"]\n")


def _print_subject(
    subject: str, records: list[RecordedStep], as_mermaid: bool, as_json: bool
) -> None:
    if not records:
        raise CommandFailed(f"no record is about {subject}")
    if as_json:
        _print_steps(records)
    elif as_mermaid:
        typer.echo(mermaid(lineage_graph(records)), nl=False)
    else:
        typer.echo(plain(subject))
        for step in lineage_graph(records).steps:
            _echo_step(replace(step, follows=[]), 1)


def _print_origin(data: Path | None, wanted: str, as_json: bool) -> None:
    from lineal_cli.anomaly_provenance import anomaly_provenance, provenance_lines

    provenance = asyncio.run(anomaly_provenance(data, wanted))
    if as_json:
        print_json(provenance)
        return
    for line in provenance_lines(provenance):
        typer.echo(line)


def _digest(text: str) -> str:
    lowered = text.lower().removeprefix("sha256:")
    if len(lowered) != _SHA256_CHARACTERS or set(lowered) - set("0123456789abcdef"):
        raise typer.BadParameter("a SHA-256 has 64 hexadecimal digits", param_hint="--object")
    return lowered


def _print_graph(document: DocumentInfo, graph: LineageGraph) -> None:
    title = f"{plain(document.name)}  {document.document_id}  {document.status}"
    if not on_terminal():
        typer.echo(title)
        for step in graph.roots:
            _echo_step(step, 1)
        return
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(title, "bold"), guide_style="dim")
    for step in graph.roots:
        arrived = f"arrived {when(step.record.started)}"
        _draw_step(tree.add(Text(arrived, "cyan")), step)
    console().print(tree)


def _echo_step(step: GraphStep, depth: int) -> None:
    # Only what branches is moved to the right: a chain of twenty steps stays readable.
    indent = "  " * depth
    for number, text in enumerate(_step_lines(step)):
        typer.echo(f"{indent}{'  ' if number else ''}{text}")
    for following in step.follows:
        _echo_step(following, depth + (len(step.follows) > 1))


def _draw_step(tree: Tree, step: GraphStep) -> None:
    from rich.text import Text

    head, *details = _step_lines(step)
    line = Text(head)
    line.highlight_words([step.record.outcome], STATUS_STYLES.get(step.record.outcome, ""))
    line.stylize("bold", 0, len(step.name))
    node = tree.add(line)
    for detail in details:
        node.add(Text(detail, "dim"))
    for following in step.follows:
        _draw_step(tree if len(step.follows) == 1 else node, following)


def _step_lines(step: GraphStep) -> list[str]:
    record = step.record
    build = record.build
    title = f"{step.name} {build.version}" if build else f"{step.name} by {record.actor}"
    code = f"  code {build.code[:8]} config {build.config[:8]}" if build else ""
    again = f"  attempt {record.attempt}" if record.attempt > 1 else ""
    waited = f"  waited {lasting(record.waited)}" if record.waited else ""
    joined = f"  joins {len(step.causes)} steps" if len(step.causes) > 1 else ""
    if record.kind == "replay" and build is not None:
        joined = "  emitted again"
    lines = [
        f"{title}  {record.outcome}  {clock(record.started)}  {lasting(record.worked)}"
        f"{waited}{code}{again}{joined}"
    ]
    if record.error is not None:
        lines.append(f"error {record.error}{': ' + plain(record.reason) if record.reason else ''}")
    for model in build.models if build else ():
        lines.append(f"model {model.name} {model.version} {model.sha256[:12]}")
    lines.extend(f"read  {_artifact(item)}" for item in stored_objects(record.inputs))
    lines.extend(f"made  {_artifact(item)}" for item in stored_objects(record.outputs))
    return lines


def _artifact(item: Artifact) -> str:
    return f"{item.role}  {item.sha256[:12]}  {plain(item.media_type)}  {size(item.bytes)}"


def _print_object(
    wanted: str, made: list[RecordedStep], read: list[RecordedStep], as_json: bool
) -> None:
    if not made and not read:
        raise CommandFailed(f"no record names {wanted}: give the whole SHA-256 of some bytes")
    if as_json:
        print_json(
            {
                "made": [record.fields() for record in made],
                "read": [record.fields() for record in read],
            }
        )
        return
    for act, records in (("made", made), ("read", read)):
        for record in records:
            name = f"{record.build.stage} {record.build.version}" if record.build else record.kind
            typer.echo(
                f"{act} by {name}  {record.outcome}  {when(record.started)}  {record.subject}"
            )
