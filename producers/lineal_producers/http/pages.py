"""Pages over HTTP: what was found on them and where, their images, and a document's thumbnail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.runtime import NoWorkers, Runtime
from lineal.stages.services import Workers
from lineal.store.objects import reference
from lineal_catalog.documents.queries import DocumentInfo
from lineal_catalog.documents.renditions import ANALYSIS, find_renditions
from lineal_catalog.pages.images import DEFAULT_WIDTH, THUMBNAIL_WIDTH, PageImages
from lineal_catalog.pages.page_cache import PageCache
from lineal_catalog.pages.renderers import ImageFormat, NoPageImage
from lineal_catalog.pages.view import list_pages, page_view
from lineal_producers.http.guard import guarded
from lineal_producers.http.parameters import number
from lineal_producers.http.requested_document import SAFE_HEADERS, requested_document

T = TypeVar("T")


def page_routes(runtime: Runtime, workers: Workers | None, cache: PageCache) -> list[Route]:
    """``GET /documents/ID/pages``, ``/documents/ID/pages/N``, ``.../image`` and
    ``/documents/ID/thumbnail``.

    Args:
        workers: where pages are drawn; None: no images are answered.
        cache: of what was read of the documents that are looked at.
    """
    images = PageImages(runtime, workers or NoWorkers(), cache)

    async def pages(request: Request) -> Response:
        info = await requested_document(runtime, request)
        listed = await _of_result(info, lambda result, _: list_pages(result))
        return JSONResponse(listed, headers=SAFE_HEADERS)

    async def page(request: Request) -> Response:
        info = await requested_document(runtime, request)
        wanted: int = request.path_params["number"]
        view = await _of_result(info, partial(page_view, number=wanted))
        if view is None:
            raise HTTPException(404, f"the document has pages 1 to {info.pages or 1}")
        return JSONResponse({"document_id": info.document_id, **view}, headers=SAFE_HEADERS)

    async def page_image(request: Request) -> Response:
        return await _image(request, request.path_params["number"], DEFAULT_WIDTH)

    async def thumbnail(request: Request) -> Response:
        return await _image(request, 1, THUMBNAIL_WIDTH)

    async def _image(request: Request, page: int, default_width: int) -> Response:
        query = request.query_params
        width = number(query.get("width"))
        width = default_width if width is None else width
        if not 1 <= width <= images.max_width:
            raise HTTPException(400, f"width is 1 to {images.max_width} pixels")
        format = _format(query.get("format", "png"))
        info = await requested_document(runtime, request)
        if workers is None:
            raise HTTPException(503, "no worker process runs here that could draw a page")
        try:
            image = await images.image(info, page, width, format)
        except NoPageImage as error:
            raise HTTPException(404, str(error)) from error
        except ObjectMissing as error:
            raise HTTPException(410, "the bytes of this document have been erased") from error
        return Response(image.data, media_type=image.media_type, headers=SAFE_HEADERS)

    async def _of_result(info: DocumentInfo, view: Callable[[bytes, bytes | None], T]) -> T:
        forms = await runtime.store.read(partial(find_renditions, document_id=info.document_id))
        found: list[bytes | None] = []
        try:
            for name in ("json", ANALYSIS):
                item = forms.get(name)
                found.append(
                    None
                    if item is None
                    else await runtime.objects.get(
                        reference(item.sha256, item.bytes, item.media_type)
                    )
                )
        except ObjectMissing as error:
            raise HTTPException(410, "what was read of this document has been erased") from error
        result, analysis = found
        if result is None:
            raise HTTPException(404, _not_read(info))
        return await asyncio.to_thread(view, result, analysis)

    return [
        guarded("read", "/documents/{id}/pages", pages),
        guarded("read", "/documents/{id}/pages/{number:int}", page),
        guarded("read", "/documents/{id}/pages/{number:int}/image", page_image),
        guarded("read", "/documents/{id}/thumbnail", thumbnail),
    ]


def _format(given: str) -> ImageFormat:
    formats: tuple[Any, ...] = get_args(ImageFormat)
    for known in formats:
        if given == known:
            return known  # type: ignore[no-any-return]
    raise HTTPException(400, f"format is one of {', '.join(formats)}")


def _not_read(info: DocumentInfo) -> str:
    if info.status in ("registered", "processing"):
        return f"the document is still {info.status}: ask again later"
    return f"the document was not read: it is {info.status}"
