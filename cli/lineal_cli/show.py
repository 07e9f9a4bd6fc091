"""``lineal show``: shows a document's summary or exports one of its renditions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import uuid4

import typer

from lineal.lineage.graph import GraphStep, lineage_graph
from lineal.lineage.record import Artifact
from lineal.proof.logged import logged_steps
from lineal.store.connection import Connection
from lineal_catalog.documents.csv_guard import guard_csv
from lineal_catalog.documents.made_renditions import rendition_makers
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import (
    DocumentInfo,
    DocumentSource,
    RelatedDocument,
    attachments_of,
    find_document,
    parents_of,
    sources_of,
)
from lineal_catalog.documents.renditions import (
    ANALYSIS,
    RENDITIONS,
    find_renditions,
    json_rendition,
)
from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import (
    STATUS_STYLES,
    clock,
    console,
    lasting,
    on_terminal,
    plain,
    plain_lines,
    print_json,
    print_table,
    short_id,
    size,
    when,
)
from lineal_cli.reading import reading, reading_blobs
from lineal_cli.show_made import known_renditions, made_rendition
from lineal_cli.show_page import PAGE_RENDITIONS, default_width, page_image, page_json

if TYPE_CHECKING:
    from lineal.store.objects import Chunked
    from lineal_catalog.pages.renderers import ImageFormat

_TEXTUAL = frozenset({"text", "csv", "json", "page"})


def show(
    document: Annotated[
        str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORM",
            help="Give the document out in this form: original, text, json, csv, pdf; pdfa, hocr, "
            "alto, textract; page, image, thumbnail; or one that another package makes.",
            show_default=False,
        ),
    ] = None,
    page: Annotated[
        int | None,
        typer.Option("--page", min=1, help="With --as page or image: which one; the first."),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width", min=1, max=8000, help="With --as image or thumbnail: pixels; 1000 or 256."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file.")
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="With --as csv: cells that begin like formulas as they are."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a document, or give it out in one of its forms."""
    if raw and form != "csv":
        raise typer.BadParameter("only CSV has a raw form: --as csv --raw", param_hint="--raw")
    if form is not None and form not in (known := known_renditions()):
        raise typer.BadParameter(f"{form!r} is none of {', '.join(known)}", param_hint="--as")
    if page is not None and form not in ("page", "image"):
        raise typer.BadParameter("one page has these forms: --as page, image", param_hint="--page")
    if width is not None and form not in ("image", "thumbnail"):
        raise typer.BadParameter("only images have one: --as image", param_hint="--width")
    with reading(data) as (connection, folder):
        found = find_document(connection, document)
        forms = find_renditions(connection, found.document_id)
        if form is None:
            if output is not None:
                raise typer.BadParameter("say in which form: --as text, ...", param_hint="-o")
            records = logged_steps(connection, DOCUMENT + found.document_id)
            related = _Related(
                parents_of(connection, found.document_id),
                attachments_of(connection, found.document_id),
                sources_of(connection, found.document_id),
            )
            _print_summary(found, forms, related, lineage_graph(records).steps, as_json)
            return
        if as_json and output is None:
            raise typer.BadParameter("with --as, give -o FILE as well", param_hint="--json")
        made = form not in RENDITIONS and form not in PAGE_RENDITIONS
        needed = "json" if made else form
        if needed not in PAGE_RENDITIONS and needed not in forms:
            raise CommandFailed(_missing(found, form, forms))
        with reading_blobs(folder) as blobs:
            if made:
                pieces = iter([made_rendition(connection, blobs, folder, found, forms, form)])
            elif form == "page":
                pieces = iter([page_json(connection, blobs, found, page or 1)])
            elif form in ("image", "thumbnail"):
                format = _image_format(output)
                pieces = iter(
                    [
                        page_image(
                            connection,
                            blobs,
                            folder,
                            found,
                            page or 1,
                            width or default_width(form),
                            format,
                        )
                    ]
                )
            else:
                pieces = _pieces(connection, blobs, forms, form)
            if form == "csv" and not raw:
                pieces = iter([guard_csv(b"".join(pieces))])
            if output is not None:
                _write_file(output, pieces)
                written = {"document_id": found.document_id, "form": form, "file": str(output)}
                if as_json:
                    print_json({**written, "bytes": output.stat().st_size})
            else:
                _write_stdout(form, forms, pieces)


def _image_format(output: Path | None) -> ImageFormat:
    ending = ".png" if output is None else output.suffix.lower()
    match ending:
        case ".webp":
            return "webp"
        case ".png":
            return "png"
    raise typer.BadParameter("images are written as .png or .webp", param_hint="-o")


def _missing(document: DocumentInfo, form: str, forms: dict[str, Artifact]) -> str:
    there = ", ".join(name for name in RENDITIONS if name in forms) or "none"
    if document.status in ("rejected", "failed"):
        because = f"it is {document.status}: {document.reason or 'see `lineal lineage`'}"
    elif document.status == "indexed":
        because = {
            "csv": "it has neither tables nor key-values",
            "pdf": "it has no pages to look at",
        }.get(form, "nothing made one")
    else:
        because = f"it is still {document.status}"
    return f"{plain(document.name)} has no {form} form: {because}. Forms it has: {there}."


def _pieces(
    connection: Connection, blobs: Chunked, forms: dict[str, Artifact], form: str
) -> Iterator[bytes]:
    from lineal.store.objects import object_chunks

    if form != "json":
        return object_chunks(connection, blobs, forms[form].sha256)
    result, analysis = (
        b"".join(object_chunks(connection, blobs, forms[name].sha256)) if name in forms else None
        for name in (form, ANALYSIS)
    )
    assert result is not None
    return iter([json_rendition(result, analysis), b"\n"])


def _write_file(output: Path, pieces: Iterator[bytes]) -> None:
    # Beside its place first, so that what fails half way leaves nothing that looks whole.
    temporary = output.with_name(f".{output.name[:100]}.{uuid4().hex[:8]}")
    if output.exists() and not output.is_file():
        temporary = output  # a device or a pipe is written as it is
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
        if temporary != output:
            temporary.replace(output)
    finally:
        if temporary != output:
            temporary.unlink(missing_ok=True)


def _write_stdout(form: str, forms: dict[str, Artifact], pieces: Iterator[bytes]) -> None:
    if not on_terminal():
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    if not _is_textual(form, forms):
        raise CommandFailed(f"the {form} form is not text: write it to a file with -o FILE")
    typer.echo(plain_lines(b"".join(pieces).decode(errors="replace")))


def _is_textual(form: str, forms: dict[str, Artifact]) -> bool:
    if form in _TEXTUAL:
        return True
    if form in forms:
        return forms[form].media_type.startswith("text/")
    maker = rendition_makers().get(form)
    return maker is not None and maker.suffix not in ("pdf",)


def _names(documents: list[RelatedDocument]) -> str:
    return ", ".join(f"{plain(item.name)} ({short_id(item.document_id)})" for item in documents)


class _Related(NamedTuple):
    parents: list[RelatedDocument]
    attachments: list[RelatedDocument]
    sources: list[DocumentSource]


def _print_summary(
    document: DocumentInfo,
    forms: dict[str, Artifact],
    related: _Related,
    steps: list[GraphStep],
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "document_id": document.document_id,
                "name": document.name,
                "status": document.status,
                "reason": document.reason,
                "owners": list(document.owners),
                "labels": dict(document.labels),
                "label_sources": {
                    key: source.to_dict() for key, source in document.label_sources.items()
                },
                "pages": document.pages,
                "arrivals": document.arrivals,
                "media_type": document.media_type,
                "bytes": document.bytes,
                "forms": {
                    name: {"sha256": item.sha256, "bytes": item.bytes}
                    for name, item in forms.items()
                    if name in RENDITIONS
                },
                "sources": [item.to_dict() for item in related.sources],
                "parents": [item.to_dict() for item in related.parents],
                "attachments": [item.to_dict() for item in related.attachments],
                "timeline": [
                    {
                        "stage": step.name,
                        "version": step.record.build.version if step.record.build else None,
                        "outcome": step.record.outcome,
                        "started": step.record.started,
                        "duration": step.record.worked,
                    }
                    for step in steps
                ],
            }
        )
        return
    attributes = {
        "document": document.document_id,
        "name": plain(document.name),
        "status": document.status + (f": {plain(document.reason)}" if document.reason else ""),
        "owners": plain(", ".join(document.owners)),
        "labels": plain(" ".join(_label(document, key) for key in document.labels)),
        "type": f"{document.media_type or 'unknown'}, {size(document.bytes)}",
        "pages": "" if document.pages is None else str(document.pages),
        "arrivals": str(document.arrivals),
        "registered": when(document.registered),
        "forms": ", ".join(name for name in RENDITIONS if name in forms),
        "no longer at": plain(", ".join(x.source for x in related.sources if x.deleted)),
        "attached to": _names(related.parents),
        "attachments": _names(related.attachments),
    }
    _print_attributes({name: value for name, value in attributes.items() if value}, document.status)
    print_table(
        ("stage", "version", "outcome", "started", "duration"),
        [
            (
                step.name,
                step.record.build.version if step.record.build else "",
                step.record.outcome,
                clock(step.record.started),
                lasting(step.record.worked),
            )
            for step in steps
        ],
        right=frozenset({"duration"}),
        styles=STATUS_STYLES,
    )


def _label(document: DocumentInfo, key: str) -> str:
    """A label, and what has recognised it where nobody said it."""
    said = f"{key}={document.labels[key]}"
    source = document.label_sources.get(key)
    if source is None or source.confidence is None:
        return said
    return f"{said} ({source.source} {source.confidence:.2f})"


def _print_attributes(attributes: dict[str, str], status: str) -> None:
    width = max(map(len, attributes))
    if not on_terminal():
        for name, value in attributes.items():
            typer.echo(f"{name}\t{value}")
        return
    from rich.panel import Panel
    from rich.text import Text

    body = Text("\n").join(
        Text.assemble((f"{name:<{width}}  ", "dim"), (value, ""))
        for name, value in attributes.items()
    )
    console().print(Panel(body, border_style=STATUS_STYLES.get(status, ""), expand=False))
