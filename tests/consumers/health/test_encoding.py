"""Rows are what the resources say, of whom and when; and what cannot be used is said."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from lineal import Reject
from lineal_cli.examples.health import DEFINITION, records
from lineal_consumers.health.encoding import EncodedRows, encode_records

Encode = Callable[[bytes, str], EncodedRows]

RECORDS = [
    {"resourceType": "Patient", "id": "a", "gender": "female", "birthDate": "1970-01-01"},
    {"resourceType": "Patient", "id": "b", "gender": "male", "_birthDate": {}},
    {
        "resourceType": "Observation", "subject": {"reference": "Patient/a"},
        "code": {"coding": [{"code": "4548-4"}]}, "valueQuantity": {"value": 7.5},
        "effectiveDateTime": "2020-01-01T00:00:00Z",
    },
    {
        "resourceType": "Encounter", "subject": {"reference": "Patient/b"},
        "class": {"code": "EMER"}, "period": {"start": "2020-02"},
    },
    {"resourceType": "Encounter", "subject": {"reference": "Patient/b"}, "class": {"code": "AMB"}},
]  # fmt: skip


@pytest.fixture
def encode(tmp_path: Path) -> Encode:
    def encoded(data: bytes, definition: str) -> EncodedRows:
        file = tmp_path / "records.ndjson"
        file.write_bytes(data)
        return encode_records(str(file), definition.encode())

    return encoded


def test_a_resource_becomes_a_row_of_its_patient_at_its_time(encode: Encode) -> None:
    made = encode(b"\n".join(map(orjson.dumps, RECORDS)), DEFINITION)
    first, second = csv.DictReader(io.StringIO(made.rows.decode()))
    assert (first["patient"], first["hba1c"], first["female"]) == ("a", "7.5", "1")
    assert (first["at"], first["age"]) == ("1577836800000000", "50.0")
    assert (second["patient"], second["emergency"], second["age"]) == ("b", "1.0", "90.0")
    assert made.row_count == 2
    assert b"columns" not in made.definition
    assert b"[targets.emergency]" in made.definition


@pytest.mark.parametrize(
    ("data", "definition", "said"),
    [
        (b"x", DEFINITION, "no FHIR"),
        (b"[]", DEFINITION, "no FHIR"),
        (records(2, 1), "[features.a]\n", "no \\[columns"),
        (records(2, 1), '[columns.a]\nobservation = "1"\ncondition = "2"\n', "name one of"),
        (records(2, 1), '[columns.a]\nobservation = "none"\n', "no resource"),
    ],
)
def test_what_cannot_be_used_is_said(
    encode: Encode, data: bytes, definition: str, said: str
) -> None:
    with pytest.raises(Reject, match=said):
        encode(data, definition)


def test_records_are_in_memory_one_at_a_time(encode: Encode) -> None:
    """What no column names costs no memory, however much of it there is."""
    bulk = orjson.dumps({"resourceType": "Communication", "note": "x" * 50_000})
    data = b"\n".join([*(bulk for _ in range(400)), *map(orjson.dumps, RECORDS)])
    tracemalloc.start()
    try:
        encode(data, DEFINITION)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(data) / 10
