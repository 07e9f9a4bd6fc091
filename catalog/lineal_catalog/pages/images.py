"""Page images: from the cache, or drawn in a worker process and kept."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal.stages import Reject
from lineal.stages.services import Workers
from lineal.store.connection import Connection
from lineal.store.objects import SMALL_BYTES, put_small_objects, reference
from lineal.workers.costs import Cost, cost_kind
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal.workers.fair_queue import Caller
from lineal_catalog.documents.queries import DocumentInfo
from lineal_catalog.documents.renditions import find_renditions, registered_content
from lineal_catalog.pages.image_cache import (
    CachedImage,
    add_image,
    cached_image,
    is_use_to_note,
    note_use,
)
from lineal_catalog.pages.page_cache import PageCache
from lineal_catalog.pages.renderers import (
    MEDIA_TYPES,
    ImageFormat,
    NoPageImage,
    PageRenderer,
    PageView,
    RenderedPage,
    find_renderer,
)
from lineal_catalog.pages.settings import PageSettings
from lineal_schemas.envelope import now_us

DEFAULT_WIDTH = 1000
THUMBNAIL_WIDTH = 256
_MAX_HEIGHT = 2.5
"""Of the width: a till roll is not as high as its paper is long."""
RENDERING_SECONDS = 20.0
_PROCESSOR_SECONDS = 8.0


class PageImage(NamedTuple):
    """The image of a page as a file."""

    data: bytes
    width: int
    """Pixels, as ``height``."""
    height: int
    media_type: str
    sha256: str | None = None


class PageImages:
    """The images of pages, each drawn once.

    Args:
        workers: where they are drawn; what a file makes of its parser stays there.
        cache: of what was read of documents, where it is said how their pages are turned.
    """

    def __init__(self, runtime: Runtime, workers: Workers, cache: PageCache) -> None:
        self._runtime = runtime
        self._workers = workers
        self._settings = runtime.settings.section(PageSettings)
        self._drawing: dict[tuple[str, int, str], asyncio.Task[PageImage]] = {}
        self._cache = cache

    @property
    def max_width(self) -> int:
        return self._settings.max_width

    async def image(
        self, document: DocumentInfo, page: int, width: int, format: ImageFormat
    ) -> PageImage:
        """The image of a page.

        Args:
            page: from 1.
            width: pixels; at most :attr:`max_width`.

        Raises:
            NoPageImage: there is no such page, or it cannot be drawn; says why.
            ObjectMissing: the document's bytes are gone.
        """
        renderer = find_page_renderer(document, page)
        form = f"{width}.{format}"
        found = await self._cached(document, page, form, format)
        if found is not None:
            return found
        # Who asks for what is being drawn waits for it.
        key = (document.document_id, page, form)
        drawing = self._drawing.get(key)
        if drawing is None:
            view = PageView(page, width, max_height(width), format)
            drawing = asyncio.create_task(self._drawn(document, renderer, view, form))
            self._drawing[key] = drawing
            drawing.add_done_callback(lambda _: self._drawing.pop(key, None))
        return await asyncio.shield(drawing)

    async def _cached(
        self, document: DocumentInfo, page: int, form: str, format: ImageFormat
    ) -> PageImage | None:
        document_id = document.document_id
        found = await self._runtime.store.read(
            lambda c: cached_image(c, document_id, page, form, made_after=document.updated)
        )
        if found is None:
            return None
        image, used = found
        media_type = MEDIA_TYPES[format]
        try:
            data = await self._runtime.objects.get(reference(image.sha256, image.bytes, media_type))
        except ObjectMissing:
            return None
        if is_use_to_note(used, now := now_us()):
            await self._runtime.store.write(lambda c: note_use(c, document_id, page, form, now))
        return PageImage(data, image.width, image.height, media_type, image.sha256)

    async def _drawn(
        self, document: DocumentInfo, renderer: PageRenderer, view: PageView, form: str
    ) -> PageImage:
        content, result = await self._runtime.store.read(
            partial(_content_and_result, document_id=document.document_id)
        )
        if content is None:
            raise NoPageImage("the document's bytes are not known")
        if result is not None:
            found = reference(*result)
            pages = await self._cache.pages(found.sha256, await self._runtime.objects.get(found))
            view = view._replace(rotation=pages.rotations.get(view.page, 0))
        path = await self._runtime.objects.path(reference(*content))
        caller = Caller("page images", document.document_id)
        kind = str(document.attributes.get("kind"))
        rendered = await render(self._workers, renderer, str(path), kind, content[1], view, caller)
        return await self._keep(document, view, form, rendered)

    async def _keep(
        self, document: DocumentInfo, view: PageView, form: str, rendered: RenderedPage
    ) -> PageImage:
        from hashlib import sha256

        data = rendered.data
        digest = sha256(data).hexdigest()
        image = CachedImage(digest, len(data), rendered.width, rendered.height)
        if len(data) > SMALL_BYTES:
            await self._runtime.objects.put_large(data)

        def add(connection: Connection) -> list[str]:
            if len(data) <= SMALL_BYTES:
                put_small_objects(connection, [data])
            return add_image(
                connection,
                document.document_id,
                view.page,
                form,
                image,
                made_after=document.updated,
                now=now_us(),
                max_bytes=self._settings.cache_mb << 20,
            )

        gone = await self._runtime.store.write(add)
        if gone:
            await self._runtime.objects.delete(gone)
        return PageImage(data, image.width, image.height, MEDIA_TYPES[view.format], digest)


def find_page_renderer(document: DocumentInfo, page: int) -> PageRenderer:
    """What draws a page of a document.

    Raises:
        NoPageImage: there is no such page, or nothing draws it.
    """
    kind = document.attributes.get("kind")
    if kind is None:
        raise NoPageImage(
            f"what kind of file it is is not known: it is {document.status}"
            + (f" ({document.reason})" if document.reason else "")
        )
    pages = document.pages or 1
    if not 1 <= page <= pages:
        raise NoPageImage(f"the document has pages 1 to {pages}")
    return find_renderer(str(kind))


async def render(
    workers: Workers,
    renderer: PageRenderer,
    path: str,
    kind: str,
    size: int,
    view: PageView,
    caller: Caller,
) -> RenderedPage:
    """Draw a page in a worker process, in bounded time and memory.

    Args:
        size: bytes of the file.

    Raises:
        NoPageImage: it cannot be drawn; says why.
    """
    cost = Cost(kind=cost_kind(f"{kind}/page image", size), limit=_PROCESSOR_SECONDS, cheap=True)
    try:
        return await workers.run(
            renderer.render, path, kind, view, caller=caller, seconds=RENDERING_SECONDS, cost=cost
        )
    except Reject as error:
        raise NoPageImage(str(error)) from error
    except WorkerTimeout as error:
        raise NoPageImage("drawing the page takes too long") from error
    except (WorkerOutOfMemory, WorkerCrashed) as error:
        raise NoPageImage(f"the page cannot be drawn: {error}") from error


def max_height(width: int) -> int:
    """Of an image of this width, in pixels."""
    return round(width * _MAX_HEIGHT)


def _content_and_result(
    connection: Connection, document_id: str
) -> tuple[tuple[str, int, str] | None, tuple[str, int, str] | None]:
    """Digest, bytes and media type of the document, and of what reading it gave."""
    content = registered_content(connection, document_id)
    result = find_renditions(connection, document_id).get("json")
    return (
        None if content is None else (content.sha256, content.bytes, content.media_type),
        None if result is None else (result.sha256, result.bytes, result.media_type),
    )
