"""Files of FHIR: a resource a line is read line by line, and one JSON however it is written."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import orjson
import pytest

from lineal import Reject
from lineal_consumers.nlp.deidentify.fhir_file import fhir_resources
from lineal_consumers.nlp.deidentify.records import JSON, NDJSON, Wanted, deidentify_file

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female"}
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
WANTED = Wanted(pseudonyms=True, dates="shift", patient=None, now_us=1_700_000_000_000_000)


def ids(path: Path) -> list[str] | None:
    found = fhir_resources(path)
    return None if found is None else [str(one.get("id")) for one in found]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (orjson.dumps(PATIENT), ["p1"]),
        (b"\xef\xbb\xbf" + orjson.dumps(PATIENT) + b"\r\n\r\n" + orjson.dumps(PATIENT), ["p1"] * 2),
        (b"\n\n" + orjson.dumps(BUNDLE, option=orjson.OPT_INDENT_2), ["None"]),
        # In JSON this separator may stand as it is, and ends no line.
        ('{"resourceType": "Patient", "id": "p\u2028"}\n'.encode(), ["p\u2028"]),
        (b'{"name": "no resource"}', None),
        (b"{curly brackets in a text}", None),
        (b"Seen today.", None),
        (b"", None),
    ],
)
def test_resources_are_found_however_they_are_written(
    tmp_path: Path, data: bytes, found: list[str] | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert ids(path) == found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([orjson.dumps(PATIENT), b"{"], "line 2 is no JSON"),
        ([orjson.dumps(PATIENT), b"", b"[1]"], "line 3 is no FHIR resource"),
        ([b"{}", orjson.dumps(PATIENT)], "line 1 is no FHIR resource"),
        ([b"{", orjson.dumps(PATIENT)], "line 1 is no JSON"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, lines: list[bytes], said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(Reject, match=said):
        ids(path)


def deidentified(path: Path) -> tuple[bytes, str]:
    made = deidentify_file(
        str(path), "application/json", ".ndjson", None, "d1", WANTED, b"k" * 32, 365
    )
    return made.data, made.media_type


def test_an_export_is_in_memory_one_resource_at_a_time(tmp_path: Path) -> None:
    """What is left out of it costs no memory, however much of it there is."""
    large = orjson.dumps({**PATIENT, "photo": [{"data": "x" * 50_000}]})
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"\n".join([large] * 400))
    tracemalloc.start()
    try:
        data, media_type = deidentified(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert media_type == NDJSON and data.count(b"\n") == 400
    assert peak < path.stat().st_size / 10
    path.write_bytes(orjson.dumps(BUNDLE, option=orjson.OPT_INDENT_2))
    assert deidentified(path)[1] == JSON
