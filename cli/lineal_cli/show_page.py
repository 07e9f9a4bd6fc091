"""``lineal show --as page|image|thumbnail``: one page of a document, and what it looks like."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from lineal.store.connection import Connection
from lineal_catalog.documents.queries import DocumentInfo
from lineal_catalog.documents.renditions import ANALYSIS, find_renditions, registered_content
from lineal_cli.options import CommandFailed, load_settings
from lineal_cli.printing import plain

if TYPE_CHECKING:
    from lineal.store.objects import Chunked
    from lineal_catalog.pages.renderers import ImageFormat, PageView, RenderedPage

PAGE_RENDITIONS = ("page", "image", "thumbnail")


def default_width(form: str) -> int:
    """Pixels of an image, or of a thumbnail."""
    from lineal_catalog.pages.images import DEFAULT_WIDTH, THUMBNAIL_WIDTH

    return THUMBNAIL_WIDTH if form == "thumbnail" else DEFAULT_WIDTH


def page_json(connection: Connection, blobs: Chunked, document: DocumentInfo, page: int) -> bytes:
    """What was found on a page, as JSON.

    Raises:
        CommandFailed: the document was not read, or has no such page.
    """
    from lineal_catalog.pages.view import page_view

    result, analysis = stored_result(connection, blobs, document)
    if result is None:
        raise CommandFailed(
            f"{plain(document.name)} was not read: it is {document.status}"
            + (f": {document.reason}" if document.reason else "")
        )
    found = page_view(result, analysis, page)
    if found is None:
        raise CommandFailed(f"{plain(document.name)} has pages 1 to {document.pages or 1}")
    return orjson.dumps({"document_id": document.document_id, **found}) + b"\n"


def page_image(
    connection: Connection,
    blobs: Chunked,
    folder: Path,
    document: DocumentInfo,
    page: int,
    width: int,
    format: ImageFormat,
) -> bytes:
    """The image of a page, drawn in a worker process as a daemon draws it.

    Raises:
        CommandFailed: it cannot be drawn; says why.
    """
    from lineal.store.objects import object_chunks
    from lineal_catalog.pages.images import find_page_renderer, max_height
    from lineal_catalog.pages.renderers import NoPageImage, PageView
    from lineal_catalog.pages.view import StoredPages

    content = registered_content(connection, document.document_id)
    if content is None:
        raise CommandFailed("the document's bytes are not known")
    result, _ = stored_result(connection, blobs, document)
    rotation = 0 if result is None else StoredPages(result).rotations.get(page, 0)
    view = PageView(page, width, max_height(width), format, rotation)
    try:
        find_page_renderer(document, page)
        with tempfile.NamedTemporaryFile(prefix="lineal-page-") as file:
            file.writelines(object_chunks(connection, blobs, content.sha256))
            file.flush()
            rendered = asyncio.run(_render(folder, file.name, document, content.bytes, view))
    except NoPageImage as error:
        raise CommandFailed(f"{plain(document.name)}: {error}") from error
    return rendered.data


async def _render(
    folder: Path, path: str, document: DocumentInfo, size: int, view: PageView
) -> RenderedPage:
    from lineal.workers.fair_queue import ANY_CALLER
    from lineal.workers.pool import worker_pool
    from lineal_catalog.pages.images import find_page_renderer, render

    pool = worker_pool(load_settings(folder, workers=1))
    pool.allow_reading([Path(path)])
    pool.start()
    try:
        renderer = find_page_renderer(document, view.page)
        kind = str(document.attributes.get("kind"))
        return await render(pool, renderer, path, kind, size, view, ANY_CALLER)
    finally:
        await pool.close()


def stored_result(
    connection: Connection, blobs: Chunked, document: DocumentInfo
) -> tuple[bytes | None, bytes | None]:
    """What reading the document gave, and its analysis; None where there is none."""
    from lineal.store.objects import object_chunks

    forms = find_renditions(connection, document.document_id)
    result, analysis = (
        b"".join(object_chunks(connection, blobs, forms[name].sha256)) if name in forms else None
        for name in ("json", ANALYSIS)
    )
    return result, analysis
