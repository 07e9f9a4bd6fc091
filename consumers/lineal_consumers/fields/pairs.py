"""The fields of a document whose class has none declared: the labelled values that it was read
with."""

from __future__ import annotations

import re
import unicodedata

from lineal_schemas.documents import PageBox
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import Analysis, KeyValue, TextResult

MAX_FIELDS = 100
"""Of a document; those that follow are left out."""
_LONGEST = 64


def field_name(label: str) -> str | None:
    """A label as the name of a field: ``Kd.-Nr.:`` is ``kd_nr``; None where nothing is left."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).lstrip("_0123456789")[:_LONGEST].rstrip("_")
    return name or None


def fields_of_pairs(result: bytes, document_class: str) -> FieldValues:
    """Each labelled value of a reading once: as people have said it, else where it stands first.

    Args:
        result: gzipped JSON of a :class:`TextResult`.
    """
    found: dict[str, ExtractedField] = {}
    for page in TextResult.from_gzip(result).pages:
        for pair in page.key_values:
            name = field_name(pair.key)
            if name is None or not (pair.value.strip() or pair.reviewed):
                continue
            known = found.get(name)
            if known is None and len(found) == MAX_FIELDS:
                continue
            if known is None or (pair.reviewed and known.source != "person"):
                found[name] = _field(name, pair, page.number)
    return FieldValues(document_class=document_class, fields=tuple(found.values()))


def is_class_reviewed(analysis: bytes) -> bool:
    """Whether a person has said the class of a document.

    Args:
        analysis: gzipped JSON of an :class:`Analysis`.
    """
    return Analysis.from_gzip(analysis).document_class.reviewed


def _field(name: str, pair: KeyValue, page: int) -> ExtractedField:
    box = None
    if pair.value_box is not None:
        left, top, width, height = (min(1.0, max(0.0, side)) for side in pair.value_box)
        box = PageBox(page=page, left=left, top=top, width=width, height=height)
    return ExtractedField(
        name=name,
        type="text",
        value=pair.value.strip() or None,
        text=pair.value,
        confidence=min(1.0, max(0.0, pair.confidence)),
        box=box,
        source="person" if pair.reviewed else "label",
    )
