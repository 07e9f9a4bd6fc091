"""``lineal show --as FORM`` for the forms that are made when they are asked for."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.documents.made_renditions import (
    NoRendition,
    RenditionSource,
    make_rendition,
    rendition_makers,
)
from lineal_catalog.documents.queries import DocumentInfo
from lineal_catalog.documents.renditions import RENDITIONS, registered_content
from lineal_cli.options import CommandFailed, load_settings
from lineal_cli.printing import plain
from lineal_cli.show_page import PAGE_RENDITIONS, stored_result

if TYPE_CHECKING:
    from lineal.store.objects import Chunked


def known_renditions() -> list[str]:
    """All forms that a document may have."""
    return [*RENDITIONS, *rendition_makers(), *PAGE_RENDITIONS]


def made_rendition(
    connection: Connection,
    blobs: Chunked,
    folder: Path,
    document: DocumentInfo,
    renditions: dict[str, Artifact],
    form: str,
) -> bytes:
    """A form of a document, made in a worker process as a daemon makes it.

    Raises:
        CommandFailed: there can be none; says why.
    """
    from lineal.store.objects import object_chunks

    content = registered_content(connection, document.document_id)
    result, analysis = stored_result(connection, blobs, document)
    if content is None or result is None:
        raise CommandFailed(f"{plain(document.name)} was not read")
    with tempfile.TemporaryDirectory(prefix="lineal-form-") as scratch:
        paths = {}
        for name, artifact in (("original", content), ("pdf", renditions.get("pdf"))):
            if artifact is not None:
                paths[name] = Path(scratch) / name
                with paths[name].open("wb") as file:
                    file.writelines(object_chunks(connection, blobs, artifact.sha256))
        source = RenditionSource(
            document.document_id,
            document.name,
            str(document.attributes.get("kind")),
            document.media_type or content.media_type,
            content.sha256,
            str(paths["original"]),
            str(paths["pdf"]) if "pdf" in paths else None,
            result,
            analysis,
        )
        try:
            return asyncio.run(_make(folder, Path(scratch), form, source, document.pages or 1))
        except NoRendition as error:
            raise CommandFailed(f"{plain(document.name)} has no {form} form: {error}") from error


async def _make(
    folder: Path, scratch: Path, form: str, source: RenditionSource, pages: int
) -> bytes:
    from lineal.workers.pool import worker_pool

    pool = worker_pool(load_settings(folder, workers=1))
    pool.allow_reading([scratch])
    pool.start()
    try:
        return await make_rendition(pool, rendition_makers()[form], source, pages)
    finally:
        await pool.close()
