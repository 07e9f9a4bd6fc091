"""Makes a redacted copy of a file: what a worker process is asked to do."""

from __future__ import annotations

from typing import NamedTuple

from lineal_consumers.ocr.redaction.config import RedactConfig
from lineal_consumers.ocr.redaction.copy_check import check_copy
from lineal_consumers.ocr.redaction.pages import NotRedacted, redact_pages
from lineal_consumers.ocr.redaction.places import find_places
from lineal_consumers.ocr.redaction.text import redact_text
from lineal_schemas.documents import DocumentRedactionRequested
from lineal_schemas.results import Analysis, TextResult


class RedactedCopy(NamedTuple):
    """A copy in which nothing was found any more; or why there is none."""

    data: bytes
    media_type: str
    places: int
    """How many there were."""
    problem: str | None = None


def redact_file(
    path: str,
    media_type: str,
    result: bytes,
    analysis: bytes | None,
    wanted: str,
    config: RedactConfig,
) -> RedactedCopy:
    """Redact a file.

    Args:
        result: gzipped :class:`TextResult`; ``analysis`` is an :class:`Analysis`, if there is one.
        wanted: JSON of a :class:`DocumentRedactionRequested`.
    """
    asked = DocumentRedactionRequested.model_validate_json(wanted)
    read = TextResult.from_gzip(result)
    found = None if analysis is None else Analysis.from_gzip(analysis)
    places = find_places(asked, read, found)
    count = len(places.spans) + sum(map(len, places.boxes.values()))
    if not count:
        return RedactedCopy(b"", "", 0, "nothing that was asked for is in the document")
    try:
        if media_type == "application/pdf" or media_type.startswith("image/"):
            kind = "pdf" if media_type == "application/pdf" else "image"
            data, made = redact_pages(path, kind, read, places, config)
        else:
            data, made = redact_text(path, media_type, read, places, pseudonyms=asked.pseudonyms)
        check_copy(data, made, places.terms)
    except NotRedacted as error:
        return RedactedCopy(b"", "", count, str(error))
    return RedactedCopy(data, made, count)
