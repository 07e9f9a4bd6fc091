"""``lineal lineage``: shows the steps of a document, device, event or anomaly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from lineal.lineage.graph import GraphStep, LineageGraph, lineage_graph, stored_objects
from lineal.lineage.ledger import steps_of_artifact
from lineal.lineage.record import ACCESS, Artifact, RecordedStep
from lineal_catalog.documents.queries import DocumentInfo
from lineal_cli.lineage_export import Format, exported
from lineal_cli.lineage_selection import Selection, select_forwards, select_steps
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
    made_with: Annotated[
        str | None,
        typer.Option(
            "--made-with",
            metavar="MODEL",
            help="The steps that used a model: NAME, NAME:VERSION, or the SHA-256 of its file.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="PERSON", help="What a user did; or another actor, such as token:NAME."
        ),
    ] = None,
    forwards: Annotated[
        bool,
        typer.Option("--forwards", help="And all that followed from what these steps made."),
    ] = False,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="As --format mermaid, to paste into Markdown.")
    ] = False,
    format: Annotated[
        Format | None, typer.Option("--format", help="Write it for another tool (docs/exports.md).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the --format to a file."),
    ] = None,
    sign: Annotated[
        bool,
        typer.Option("--sign", help="Sign each in-toto statement with the key of the log (DSSE)."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every step that led to a document's outputs.

    Of a device every batch and what was found in it, of a model its trainings, evaluations and
    promotions. Of an anomaly where it came from: the readings, the model, and what that was learnt
    from, by which code, and who put it into use.
    """
    if sum(asked is not None for asked in (document, object, made_with, by)) != 1:
        raise typer.BadParameter(
            "give a document, --object SHA256, --made-with MODEL or --by PERSON", param_hint="DOC"
        )
    if as_mermaid:
        if as_json or object is not None or format is not None:
            raise typer.BadParameter("draws a document, and not as JSON", param_hint="--mermaid")
        format = Format.MERMAID
    kind, _, name = (document or "").partition(":")
    of_anomaly = kind == "anomaly" and bool(name)
    if format is not None and as_json:
        raise typer.BadParameter("is not for --format", param_hint="--json")
    if (format is not None or forwards) and (object is not None or of_anomaly):
        raise typer.BadParameter(
            "neither --format nor --forwards is for an anomaly or --object", param_hint="DOC"
        )
    if output is not None and format is None:
        raise typer.BadParameter("needs a --format to write", param_hint="--output")
    if sign and format is not Format.IN_TOTO:
        raise typer.BadParameter("is for --format in-toto", param_hint="--sign")
    with reading(data) as (connection, folder):
        if object is not None:
            wanted = _digest(object)
            made = steps_of_artifact(connection, wanted, made=True)
            read = steps_of_artifact(connection, wanted, made=False)
            _print_object(wanted, made, read, as_json)
            return
        if of_anomaly:
            _print_origin(data, name, as_json)
            return
        selection = select_steps(connection, document, made_with, by)
        if forwards:
            selection = select_forwards(connection, selection)
        if format is not None:
            signing = folder if sign else None
            _write(exported(connection, selection.steps, format, signing), output)
            return
    if as_json:
        _print_steps(selection.steps)
    else:
        _print_selection(selection)


def _write(written: bytes, output: Path | None) -> None:
    if output is None:
        write_bytes(written)
    else:
        output.write_bytes(written)


def _print_steps(records: list[RecordedStep]) -> None:
    lines = [orjson.dumps(step.json_fields(), option=orjson.OPT_SORT_KEYS) for step in records]
    write_bytes(b"[" + b",\n ".join(lines) + b"]\n")


def _print_selection(selection: Selection) -> None:
    graph = lineage_graph(selection.steps)
    if selection.document is not None:
        _print_graph(selection.document, graph)
        return
    if selection.erased is not None:
        typer.echo(plain(selection.erased))
    typer.echo(plain(selection.title))
    subject = selection.title
    for step in graph.steps:
        if step.record.subject != subject and selection.mixed:
            subject = step.record.subject
            typer.echo(plain(f"  {subject}"))
        _echo_step(replace(step, follows=[]), 1 + selection.mixed)


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
    if record.kind == "link":
        came = record.attributes
        where = f"from {came['from']}  {plain(str(came['topic']))}"
        if "from_offset" in came:
            where += f" {came['from_partition']}/{came['from_offset']}"
        lines.append(where)
    if record.kind == ACCESS:
        changed = [f"{name} {value}" for name, value in record.attributes.items()]
        lines.append(plain(", ".join(changed)))
    if record.error is not None:
        lines.append(f"error {record.error}{': ' + plain(record.reason) if record.reason else ''}")
    for model in build.artifacts if build else ():
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
                "made": [record.json_fields() for record in made],
                "read": [record.json_fields() for record in read],
            }
        )
        return
    for act, records in (("made", made), ("read", read)):
        for record in records:
            name = f"{record.build.stage} {record.build.version}" if record.build else record.kind
            typer.echo(
                f"{act} by {name}  {record.outcome}  {when(record.started)}  {record.subject}"
            )
