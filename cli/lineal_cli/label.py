"""``lineal label``: labels a document with its kind, to learn from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json
from lineal_cli.reading import existing_data


def label(
    document: Annotated[
        str | None,
        typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name."),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="CLASS", help="What it is.")] = None,
    from_labels: Annotated[
        str | None,
        typer.Option(
            "--from-label",
            metavar="KEY",
            help="Instead: every document that was put with a label KEY=CLASS.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what kind a document is, to learn from.

    `lineal model train documents` makes a classifier of the labelled documents, which decides the
    class of documents once it is in use. Labelling a document again replaces its label.
    """
    if (from_labels is None) == (document is None or name is None):
        raise typer.BadParameter("give a document and its class, or --from-label KEY")
    done = asyncio.run(_label(existing_data(data), document, name, from_labels))
    if as_json:
        print_json(done)
    else:
        typer.echo(f"labelled {count_of(len(done), 'document')}")


async def _label(
    folder: Path, document: str | None, name: str | None, from_labels: str | None
) -> list[dict[str, Any]]:
    from lineal.runtime import open_runtime
    from lineal_catalog.documents.queries import find_document, list_documents

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        if from_labels is not None:
            found = await runtime.store.read(list_documents)
            chosen = [
                (info.document_id, info.labels[from_labels])
                for info in found
                if info.labels.get(from_labels)
            ]
        else:
            assert document is not None
            assert name is not None
            info = await runtime.store.read(lambda c: find_document(c, document))
            chosen = [(info.document_id, name)]
        events = []
        for document_id, chosen_name in chosen:
            event = await runtime.store.read(
                lambda c, d=document_id, n=chosen_name: _labelled(c, d, n)  # type: ignore[misc]
            )
            if event is not None:
                events.append(event)
            elif from_labels is None:
                raise CommandFailed(f"document {document_id} has no text yet: label it later")
        await runtime.bus.publish([(event.type, event) for event in events])
    return [{"document_id": event.partitionkey, "event": event.id} for event in events]


def _labelled(connection: Any, document_id: str, name: str) -> Any:
    """The event of a labelling; None for a document whose text has not been extracted."""
    from lineal.lineage.actor import acting_user
    from lineal.observability.tracing import first_traceparent
    from lineal.store.objects import reference
    from lineal_catalog.documents.renditions import find_renditions
    from lineal_schemas.documents import DocumentLabelled
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.ids import arrival_id

    text = find_renditions(connection, document_id).get("text")
    if text is None:
        return None
    now, by = now_us(), acting_user()
    payload = DocumentLabelled(
        document_id=document_id,
        label=name,
        text=reference(text.sha256, text.bytes, text.media_type),
        by=by,
        labelled_us=now,
    )
    identifier = arrival_id("lineal:cli/label", text.sha256, f"{document_id}\n{name}\n{now}")
    return first_event(
        payload,
        id=identifier,
        source="lineal:cli/label",
        actor=by,
        traceparent=first_traceparent(payload.correlation_key(), identifier),
    )
