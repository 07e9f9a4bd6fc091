"""The notes that FHIR holds: attachments of DocumentReference and DiagnosticReport, inline.

Source: https://hl7.org/fhir/R4/documentreference.html. A resource by itself, a Bundle, and a bulk
export (a resource a line) are read. What an attachment names by its address is not fetched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from lineal_consumers.ocr.attachments.attached_file import (
    AttachedFile,
    UnreadableAttachment,
    too_large,
)

_MARKS = (b"DocumentReference", b"DiagnosticReport")
_ENDINGS = {
    "text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf", "text/rtf": ".rtf",
    "application/rtf": ".rtf", "image/png": ".png", "image/jpeg": ".jpg", "image/tiff": ".tif",
}  # fmt: skip


def fhir_attachments(path: Path) -> Iterator[AttachedFile]:
    """The notes of all resources of a file, in their order, labelled with whom they are about;
    none where the file is no FHIR."""
    data = path.read_bytes()
    if not any(mark in data for mark in _MARKS):
        return
    for number, resource in enumerate(_resources(data), 1):
        for attachment in _attachments(resource):
            if "data" in attachment or "url" in attachment:
                yield AttachedFile(
                    _name(resource, attachment, number),
                    partial(_content, attachment),
                    _labels(resource),
                )


def _resources(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        found = [orjson.loads(data)]
    except orjson.JSONDecodeError:
        found = []
        for line in data.splitlines():
            try:
                found.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue  # a line that is none hides no other one
    for resource in found:
        if not isinstance(resource, dict):
            continue
        if resource.get("resourceType") == "Bundle":
            entries = resource.get("entry") or ()
            inner = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
            yield from (one for one in inner if isinstance(one, dict))
        else:
            yield resource


def _attachments(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = resource.get("resourceType")
    found: Any = ()
    if kind == "DocumentReference":
        content = resource.get("content") or ()
        found = [item.get("attachment") for item in content if isinstance(item, dict)]
    elif kind == "DiagnosticReport":
        found = resource.get("presentedForm") or ()
    yield from (item for item in found if isinstance(item, dict))


def _name(resource: dict[str, Any], attachment: dict[str, Any], number: int) -> str:
    title = attachment.get("title") or resource.get("description") or resource.get("id")
    name = str(title or f"note {number}")
    ending = _ENDINGS.get(str(attachment.get("contentType", "")).partition(";")[0].strip(), "")
    return name if name.lower().endswith(ending) else name + ending


def _labels(resource: dict[str, Any]) -> dict[str, str]:
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    return {"patient": str(reference)[:200]} if reference else {}


def _content(attachment: dict[str, Any], limit: int) -> bytes:
    if "data" not in attachment:
        raise UnreadableAttachment("the note is named by its address only, and is not fetched")
    encoded = str(attachment["data"])
    if len(encoded) * 3 // 4 > limit + 3:
        raise too_large(limit)
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableAttachment("the note is no base64") from error
    if len(data) > limit:
        raise too_large(limit)
    return data
