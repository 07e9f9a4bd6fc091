"""Documents in a ZIP file."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, cast, get_args

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from lineal.errors import ObjectMissing
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.queries import documents_by_id
from lineal_catalog.documents.renditions import ANALYSIS, Rendition, find_renditions, json_rendition
from lineal_schemas.objects import ObjectRef

_CHUNK = 256 * 1024
_MAX_BYTES = 4_000_000_000
_SUFFIX = {"text": ".txt", "json": ".json", "csv": ".csv", "pdf": ".pdf"}


async def zip_of_documents(runtime: Runtime, ids: Sequence[str], form: str) -> Response:
    """A ZIP file with a rendition of each document that has it.

    Raises:
        HTTPException: 400, there is no such rendition; 404, no document has it; 413, the files
            are too large together.
    """
    if form not in get_args(Rendition):
        raise HTTPException(400, f"a document's forms are {', '.join(get_args(Rendition))}")
    file = TemporaryFile()  # noqa: SIM115 - closed when it has been sent
    names: set[str] = set()
    total = 0
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for document_id in ids:
                found = await runtime.store.read(partial(_rendition, document_id, form))
                if found is None:
                    continue
                name, ref, analysis = found
                total += ref.bytes
                if total > _MAX_BYTES:
                    raise HTTPException(413, "these files are too large together")
                try:
                    data = await runtime.objects.get(ref)
                    if form == "json":
                        more = None if analysis is None else await runtime.objects.get(analysis)
                        data = await asyncio.to_thread(json_rendition, data, more)
                except ObjectMissing:
                    continue
                inside = _free_name(name + _SUFFIX.get(form, ""), document_id, names)
                await asyncio.to_thread(archive.writestr, inside, data)
        if not names:
            raise HTTPException(404, f"none of these documents has its {form}")
    except BaseException:
        file.close()
        raise
    return StreamingResponse(
        _chunks(cast(BinaryIO, file)),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="documents.zip"'},
    )


def _rendition(
    document_id: str, form: str, connection: Connection
) -> tuple[str, ObjectRef, ObjectRef | None] | None:
    found = documents_by_id(connection, [document_id])
    forms = find_renditions(connection, document_id)
    item, analysis = forms.get(form), forms.get(ANALYSIS)
    if not found or item is None:
        return None
    return (
        found[0].name,
        reference(item.sha256, item.bytes, item.media_type),
        None
        if analysis is None
        else reference(analysis.sha256, analysis.bytes, analysis.media_type),
    )


def _free_name(name: str, document_id: str, names: set[str]) -> str:
    """A name within the archive: without folders, so that unpacking stays in its folder."""
    plain = name.replace("\\", "/").rpartition("/")[2].lstrip(".") or document_id
    plain = "".join(c if c.isprintable() else "_" for c in plain)[:150]
    if plain in names:
        path = PurePosixPath(plain)
        plain = f"{path.stem} ({document_id[:8]}){path.suffix}"
    names.add(plain)
    return plain


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()
