"""De-identifies a file: what a worker process is asked to do."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from lineal import Reject
from lineal_consumers.nlp.deidentify.csv_records import deidentify_csv
from lineal_consumers.nlp.deidentify.fhir import FhirDeidentifier, names_of, patient_of
from lineal_consumers.nlp.deidentify.fhir_file import fhir_resources
from lineal_consumers.nlp.deidentify.free_text import Treatment, deidentify_text, find_identifiers
from lineal_consumers.nlp.deidentify.secret import Pseudonyms
from lineal_schemas.records import DateTreatment

NDJSON = "application/fhir+ndjson"
JSON = "application/fhir+json"
_TABLES = frozenset({"text/csv", "text/tab-separated-values"})
_TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".ndjson", ".json", ".md", ".hl7"})


class Wanted(NamedTuple):
    """Treatment a file is to be de-identified."""

    pseudonyms: bool
    dates: DateTreatment
    patient: str | None
    """Whose text it is, where it does not say so itself."""
    now_us: int


class Deidentified(NamedTuple):
    """The copy, and what was taken out of it."""

    data: bytes
    media_type: str
    counts: dict[str, int]
    """By kind, how many identifiers."""
    key_id: str


def is_plain(media_type: str, suffix: str) -> bool:
    """Whether a file is text itself, so that it is not what was read in it that counts."""
    return suffix in _SUFFIXES or media_type.startswith("text/") or media_type.endswith("json")


def deidentify_file(
    path: str,
    media_type: str,
    suffix: str,
    text: bytes | None,
    document_id: str,
    wanted: Wanted,
    secret: bytes,
    max_shift_days: int,
) -> Deidentified:
    """De-identify a file.

    Args:
        suffix: of its name, in lower case: ``.csv``.
        text: what was read in it, where it is no text itself.
        secret: of :func:`~lineal_consumers.nlp.deidentify.secret.read_secret`.

    Raises:
        Reject: it is no text, and nothing was read in it; or it is damaged.
    """
    pseudonyms = Pseudonyms(secret, max_shift_days)
    today = datetime.fromtimestamp(wanted.now_us / 1e6, UTC).date()
    how = Treatment(pseudonyms, wanted.pseudonyms, wanted.dates == "shift", today.year)
    counts: Counter[str] = Counter()
    resources = fhir_resources(Path(path)) if text is None else None
    if resources is not None:
        deidentifier = FhirDeidentifier(how, today, _names(resources), counts)
        copy = io.BytesIO()
        for resource in resources:
            copy.write(orjson.dumps(deidentifier.resource(resource)))
            copy.write(b"\n")
        data = copy.getvalue()
        media_type = JSON if data.count(b"\n") == 1 else NDJSON
        return Deidentified(data, media_type, dict(sorted(counts.items())), pseudonyms.key_id)
    content = Path(path).read_bytes() if text is None else text
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Reject(
            "it is no text in UTF-8, and nothing was read in it: have it read first (`lineal up`)"
        ) from error
    if text is None and (media_type in _TABLES or suffix in _TABLE_SUFFIXES):
        media_type = "text/csv"
        data = deidentify_csv(source, document_id, how, counts).encode()
    else:
        media_type = "text/plain"
        patient = wanted.patient or _patient_in(source) or document_id
        data = deidentify_text(source, patient, how, counts).encode()
    return Deidentified(data, media_type, dict(sorted(counts.items())), pseudonyms.key_id)


def _names(resources: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """By patient, the names of persons in their resources."""
    names: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        inner = [
            entry["resource"]
            for entry in resource.get("entry", ())
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        ]
        for one in [*inner, resource]:
            if one.get("resourceType") in ("Patient", "RelatedPerson", "Person"):
                names[patient_of(one)] |= names_of(one)
    return dict(names)


def _patient_in(text: str) -> str | None:
    """The medical record number in a text: its dates are shifted with those of other texts."""
    for one in find_identifiers(text):
        if one.kind == "MRN":
            return text[one.begin : one.end]
    return None
