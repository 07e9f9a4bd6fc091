"""Old events stay readable for ever; what cannot be read is refused in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lineal_schemas import payload as registry
from lineal_schemas.documents import DocumentIndexed
from lineal_schemas.envelope import decode, first_event, schema_uri
from lineal_schemas.payload import (
    Payload,
    UnknownPayload,
    missing_upcasts,
    parse_payload,
    payload_bytes,
    payload_types,
    upcaster,
)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types and upcasters declared in a test are gone after it."""
    monkeypatch.setattr(registry, "_latest", dict(registry._latest))
    monkeypatch.setattr(registry, "_upcasters", dict(registry._upcasters))


def measured_v3() -> type[Payload]:
    class Measured(Payload, type="test.measured", version=3):
        millimetres: int
        where: tuple[str, ...] = ()

    return Measured


def test_an_older_event_is_upcast_step_by_step() -> None:
    model = measured_v3()

    @upcaster("test.measured", from_version=1)
    def one(fields: dict[str, Any]) -> dict[str, Any]:
        return {"centimetres": fields["inches"] * 2.54}

    @upcaster("test.measured", from_version=2)
    def two(fields: dict[str, Any]) -> dict[str, Any]:
        return {"millimetres": round(fields["centimetres"] * 10), "where": ["roof"]}

    assert parse_payload("test.measured", 1, b'{"inches":2}') == model.model_validate(
        {"millimetres": 51, "where": ("roof",)}
    )
    assert parse_payload("test.measured", 2, b'{"centimetres":5}').model_dump() == {
        "millimetres": 50,
        "where": ("roof",),
    }
    assert missing_upcasts("test.measured", 3) == []


def test_a_missing_upcaster_is_named() -> None:
    measured_v3()
    with pytest.raises(UnknownPayload, match=r"no upcaster takes .* from version 1 to 2"):
        parse_payload("test.measured", 1, b"{}")
    assert missing_upcasts("test.measured", 3) == [1, 2]


def test_a_newer_version_is_refused_and_the_remedy_named() -> None:
    event = first_event(DocumentIndexed(document_id="d", pages=1), id="1", source="t")
    newer = event._replace(dataschema=schema_uri("document.indexed", 9))
    with pytest.raises(UnknownPayload, match=r"version 9 is newer .* upgrade lineal-schemas"):
        decode(newer)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnknownPayload, match=r"'test\.nobody'"):
        parse_payload("test.nobody", 1, b"{}")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'{"other":1}', b"\xff"])
def test_old_data_that_does_not_fit_is_a_value_error(data: bytes) -> None:
    measured_v3()
    upcaster("test.measured", from_version=2)(lambda fields: {"millimetres": fields["x"]})
    with pytest.raises(ValueError, match=r"."):
        parse_payload("test.measured", 2, data)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"pages":"many","document_id":"d"}'])
def test_data_that_does_not_fit_is_a_validation_error(data: bytes) -> None:
    with pytest.raises(ValidationError):
        parse_payload("document.indexed", 1, data)


def test_fields_of_a_newer_writer_are_ignored() -> None:
    read = parse_payload("document.indexed", 1, b'{"document_id":"d","pages":1,"new":[1]}')
    assert payload_bytes(read) == b'{"document_id":"d","pages":1}'


def test_payloads_cannot_be_changed() -> None:
    event = DocumentIndexed(document_id="d", pages=1)
    with pytest.raises(ValidationError, match="frozen"):
        event.pages = 2


def test_two_models_cannot_share_a_type_and_version() -> None:
    with pytest.raises(TypeError, match=r"already lineal_schemas\.documents\.DocumentIndexed"):

        class Stolen(Payload, type="document.indexed", version=1):
            pass

    with pytest.raises(TypeError, match="already"):
        type(  # another distribution's model of the same name
            "DocumentIndexed",
            (Payload,),
            {"__module__": "elsewhere", "__qualname__": "DocumentIndexed"},
            type="document.indexed",
            version=1,
        )
    assert payload_types()["document.indexed"] is DocumentIndexed


def test_the_newest_version_wins_whatever_the_order() -> None:
    newest = measured_v3()

    class Old(Payload, type="test.measured", version=2):
        centimetres: float

    assert payload_types()["test.measured"] is newest
    assert Old.version == 2


@pytest.mark.parametrize("named", [{"type": "test.x"}, {"version": 1}, {"type": "t", "version": 0}])
def test_a_payload_states_both_type_and_version(named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="both"):
        type("Half", (Payload,), {}, **named)
