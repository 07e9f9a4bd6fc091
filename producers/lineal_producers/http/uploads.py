"""``POST /documents``: uploads of files, as a form (multipart) or as the body."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential
from lineal.errors import PermanentFailure
from lineal.runtime import Runtime
from lineal_catalog.documents.queries import UnknownDocument, find_document
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name, store
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, guarded
from lineal_producers.http.parameters import pairs
from lineal_producers.quota.usage import QuotaExceeded, check_quota
from lineal_producers.settings import ArrivalSettings

_MAX_FILES = 1000
_IN_MEMORY_BYTES = 1024 * 1024
_TOO_LARGE = "use the inbox folder, or raise upload_mb in lineal.toml"


@dataclass(frozen=True, slots=True)
class _Upload:
    files: list[UploadFile]
    actor: str
    owner: str | None
    labels: dict[str, str]


def upload_route(runtime: Runtime) -> Route:
    """Takes files in; answers 202 with ``[{document_id, name, status}]``, in the order sent.

    Owner and labels come as form fields or in the query (``owner=``, ``label=KEY=VALUE``). A
    client that repeats a request with the same ``Idempotency-Key`` header makes no second arrival.
    403 says that it is the name of somebody else, whom the client may not represent, and 507
    says that the owner's quota is used up: of several files those before it are taken.
    """

    async def upload(request: Request) -> Response:
        bounded = limited(request, runtime.settings.upload_mb * 1024 * 1024, _TOO_LARGE)
        key = request.headers.get("idempotency-key") or uuid4().hex
        try:
            async with _received(bounded) as received:
                arrivals = [
                    await _ingest(runtime, file, received, f"{key}\n{number}")
                    for number, file in enumerate(received.files)
                ]
        except ClientDisconnect:
            return Response(status_code=400)
        except PermanentFailure as error:
            raise HTTPException(400, str(error)) from error
        listed = [
            {
                "document_id": arrival.document_id,
                "name": arrival.name,
                "status": await _status(runtime, arrival),
            }
            for arrival in arrivals
        ]
        return JSONResponse(listed, status_code=202)

    return guarded("upload", "/documents", upload, methods=["POST"])


@asynccontextmanager
async def _received(request: Request) -> AsyncIterator[_Upload]:
    """The request's fields and files, large files on the disk."""
    query, credential = request.query_params, credential_in(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        name = query.get("name")
        if not name:
            raise HTTPException(400, "say what the file is called: POST /documents?name=FILE")
        owner = _owner(credential, query.get("owner"))
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
            file = UploadFile(cast(BinaryIO, spool), filename=name)
            async for chunk in request.stream():
                await file.write(chunk)
            await file.seek(0)
            yield _Upload([file], credential.actor, owner, pairs(query.getlist("label")))
        return
    try:
        form = await request.form(max_files=_MAX_FILES)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise HTTPException(400, f"the form cannot be read: {error.detail}") from error
    try:
        files = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
        if not files:
            raise HTTPException(400, "the form holds no file: curl -F file=@FILE ...")
        fields = [*query.multi_items(), *form.multi_items()]
        owners = [value for name, value in fields if name == "owner" and isinstance(value, str)]
        labels = [value for name, value in fields if name == "label" and isinstance(value, str)]
        owner = _owner(credential, owners[-1] if owners else None)
        yield _Upload(files, credential.actor, owner, pairs(labels))
    finally:
        await form.close()


def _owner(credential: Credential, wanted: str | None) -> str | None:
    """Who will own what is sent.

    Raises:
        HTTPException: 403, somebody else, whom the sender may not represent.
    """
    try:
        return credential.owner_of(wanted or None)
    except NotPermitted as error:
        raise HTTPException(403, str(error)) from error


async def _ingest(
    runtime: Runtime, file: UploadFile, received: _Upload, occurrence: str
) -> Arrival:
    name = readable_name(file.filename or "upload")
    origin = ArrivalSource(
        name=name,
        source=f"http:upload/{quote(name, safe='')}",
        actor=received.actor,
        occurrence=occurrence,
        tenant=runtime.settings.section(ArrivalSettings).tenant,
        owner=received.owner,
        labels=received.labels,
    )
    size = await asyncio.to_thread(file.file.seek, 0, os.SEEK_END)
    await file.seek(0)
    try:
        await check_quota(runtime, origin.owner, size)
        content = await store(runtime, file.file)
        return await announce(runtime, origin, content=content, attended=True)
    except QuotaExceeded as error:
        raise HTTPException(507, str(error)) from error


async def _status(runtime: Runtime, arrival: Arrival) -> str:
    try:
        found = await runtime.store.read(partial(find_document, wanted=arrival.document_id))
        return found.status
    except UnknownDocument:
        return "registered"
