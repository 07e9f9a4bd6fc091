"""``/restylings``: has parts of images changed, and gives them out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal_catalog.restyling.requests import (
    Restyling,
    UnknownRestyling,
    find_restyling,
    request_restyling,
)
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.requested_document import SAFE_HEADERS
from lineal_schemas.restyling import EngineName, Fill, MaskPrompt

_MAX_BYTES = 192 * 1024 * 1024
_MAX_IMAGES = 3


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mask: MaskPrompt
    fill: Fill = Fill()
    engine: EngineName | None = None


def restyling_routes(runtime: Runtime) -> list[Route]:
    """``POST /restylings``, a form with up to three files and a field ``request`` as JSON; then
    ``GET /restylings/ID``, ``.../images/N`` and ``.../masks/N``."""

    async def ask(request: Request) -> Response:
        try:
            form = await limited(request, _MAX_BYTES, "send smaller images").form(
                max_files=_MAX_IMAGES
            )
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            files = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
            images = [await file.read() for file in files]
            asked = _Asked.model_validate_json(str(form.get("request") or "{}"))
            made = await request_restyling(
                runtime, images, asked.mask, asked.fill, engine=asked.engine,
                by=credential_in(request), source="lineal:http",
            )  # fmt: skip
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "request"
            raise HTTPException(422, f"{where}: {first['msg']}") from error
        finally:
            await form.close()
        address = f"/restylings/{made.request_id}"
        return JSONResponse({"request_id": made.request_id, "status": address}, 202)

    async def found(request: Request) -> Restyling:
        try:
            return await find_restyling(runtime, request.path_params["id"], credential_in(request))
        except UnknownRestyling as error:
            raise HTTPException(404, str(error)) from error

    async def status(request: Request) -> Response:
        restyling = await found(request)
        if restyling.ready is None:
            state = "waiting" if restyling.problem is None else "rejected"
            return JSONResponse({"status": state, "problem": restyling.problem, "images": []})
        address = f"/restylings/{restyling.request.request_id}"
        images = [_described(address, n, one) for n, one in enumerate(restyling.ready.images)]
        return JSONResponse({"status": "ready", "problem": None, "images": images})

    async def picture(request: Request) -> Response:
        restyling = await found(request)
        images = () if restyling.ready is None else restyling.ready.images
        number, which = request.path_params["number"], request.path_params["which"]
        if which not in ("images", "masks") or number >= len(images):
            raise HTTPException(404, "there is no such image, or not yet")
        ref = images[number].image if which == "images" else images[number].mask
        if ref is None:
            raise HTTPException(404, images[number].problem or "there is no such image")
        try:
            path = await runtime.objects.checked_path(ref)
        except ObjectMissing as error:
            raise HTTPException(410, "the image has been erased") from error
        return FileResponse(path, media_type=ref.media_type, headers=SAFE_HEADERS)

    return [
        guarded("upload", "/restylings", ask, methods=["POST"]),
        guarded("upload", "/restylings/{id}", status, methods=["GET"]),
        guarded("upload", "/restylings/{id}/{which}/{number:int}", picture, methods=["GET"]),
    ]


def _described(address: str, number: int, one: Any) -> dict[str, Any]:
    there = one.problem is None
    return {
        "image": f"{address}/images/{number}" if there else None,
        "mask": f"{address}/masks/{number}" if there else None,
        "share": one.share,
        "problem": one.problem,
    }
