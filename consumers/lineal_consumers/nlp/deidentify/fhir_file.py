"""Resources of a FHIR file: one JSON, or one a line, which are read one at a time.

A bulk export may be larger than memory: what is kept of it is what a caller keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from lineal import Reject

_BOM = b"\xef\xbb\xbf"
_TYPE = b'"resourceType"'


class FhirLines:
    """The resources of a file of one a line; each iteration reads it from its beginning.

    Raises:
        Reject: a line is no resource; raised when it is come to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, line in _lines(self._path):
            try:
                resource = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise Reject(f"line {number} is no JSON: {error.msg}") from error
            if not isinstance(resource, dict) or "resourceType" not in resource:
                raise Reject(f"line {number} is no FHIR resource")
            yield resource


def fhir_resources(path: Path) -> FhirLines | list[dict[str, Any]] | None:
    """The FHIR resources of a file, to be gone through more than once; None if it holds none.

    Raises:
        Reject: some lines are resources, and one is not.
    """
    _, first = next(_lines(path), (0, b""))
    if not first.startswith(b"{"):
        return None
    try:
        whole = orjson.loads(first)
    except orjson.JSONDecodeError:  # one JSON on several lines, or none
        content = path.read_bytes().removeprefix(_BOM)
        if _TYPE not in content:
            return None
        try:
            whole = orjson.loads(content)
        except orjson.JSONDecodeError:
            return FhirLines(path)
        return [whole] if "resourceType" in whole else None
    if "resourceType" in whole:
        return FhirLines(path)
    others = any(number > 1 and _TYPE in line for number, line in _lines(path))
    return FhirLines(path) if others else None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = (line.removeprefix(_BOM) if number == 1 else line).strip()
            if text:
                yield number, text
