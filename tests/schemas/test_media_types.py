"""Media types mean the same however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.bindings import (
    CLOUDEVENTS_JSON,
    from_kafka,
    from_mqtt5,
    from_sns,
    to_kafka,
    to_mqtt5,
    to_sns,
)
from lineal_schemas.documents import DocumentIndexed
from lineal_schemas.envelope import MalformedEvent, RawEvent, decode, first_event
from lineal_schemas.http_binding import from_http
from lineal_schemas.media_types import (
    is_json,
    is_media_type,
    is_structured,
    json_problem,
    parse_media_type,
)

INDEXED = DocumentIndexed(document_id="d1", pages=2)
EVENT = first_event(INDEXED, id="e1", source="/s", time=5)

TOKEN = st.text("abcXYZ019!#$&^_.-", min_size=1, max_size=10)
SPACE = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def in_any_case(draw: st.DrawFn, text: str) -> str:
    upper = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(c.upper() if up else c.lower() for c, up in zip(text, upper, strict=True))


@st.composite
def quoted(draw: st.DrawFn, text: str) -> str:
    """A parameter's value: as a token, or between quotes with any character escaped."""
    if draw(st.booleans()):
        return text
    escaped = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    inner = "".join(f"\\{c}" if e else c for c, e in zip(text, escaped, strict=True))
    return f'"{inner}"'


@st.composite
def json_media_types(draw: st.DrawFn) -> str:
    """All the ways there are to say JSON in UTF-8."""
    essence = draw(st.just("application/json") | TOKEN.map(lambda name: f"application/{name}+json"))
    written = draw(in_any_case(essence))
    parameters = []
    if draw(st.booleans()):
        charset = draw(st.sampled_from(["utf-8", "us-ascii"]).flatmap(in_any_case))
        parameters.append((draw(in_any_case("charset")), draw(quoted(charset))))
    if draw(st.booleans()):
        parameters.append(("profile", draw(quoted(draw(TOKEN)))))
    for name, value in draw(st.permutations(parameters)):
        written += f"{draw(SPACE)};{draw(SPACE)}{name}={value}"
    return written


@given(json_media_types())
def test_json_is_json_however_it_is_written_and_on_every_bus(written: str) -> None:
    assert is_json(written)
    assert json_problem(written) is None
    event = EVENT._replace(datacontenttype=written)
    headers = [
        (b"ce-specversion", b"1.0"), (b"ce-id", b"e1"), (b"ce-source", b"/s"),
        (b"ce-type", event.type.encode()), (b"content-type", written.encode()),
    ]  # fmt: skip
    read = [
        from_kafka(*to_kafka(event)),
        from_mqtt5(*to_mqtt5(event)),
        from_sns(to_sns(event).body),
        *from_http(headers, event.data),
    ]
    assert [decode(one).data for one in read] == [INDEXED] * 4
    assert {one.datacontenttype for one in read} == {written.strip()}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("text/plain", "not application/json"),
        ("application/jsonx", "not application/json"),
        ("application/json+xml", "not application/json"),
        ("json", "no media type"),
        ("application/json; charset", "no media type"),
        ("application/json charset=utf-8", "no media type"),
        ("application/json; charset=utf-16", "not in utf-16"),
        ('application/json; CHARSET="ISO-8859-1"', "not in ISO-8859-1"),
        ("application/vnd.x+json;charset=x-unknown", "not in x-unknown"),
    ],
)
def test_what_is_not_json_in_utf8_is_refused_with_a_reason(written: str, said: str) -> None:
    event = EVENT._replace(datacontenttype=written)
    assert said in str(json_problem(written))
    for read in (from_kafka(*to_kafka(event)), from_mqtt5(*to_mqtt5(event))):
        with pytest.raises(MalformedEvent, match=said):
            decode(read)


@given(st.text(max_size=40))
def test_any_text_is_a_media_type_or_none(text: str) -> None:
    parsed = parse_media_type(text)
    if parsed is not None:
        assert is_media_type(text, parsed.essence)
        assert parsed.essence == parsed.essence.lower()
    is_structured(text)
    assert (json_problem(text) is None) <= is_json(text)


def test_parameters_are_read_with_their_quotes_and_escapes() -> None:
    parsed = parse_media_type('Text/Plain ; A="x;\\"y\\\\" ;; b=c; a=late;')
    assert parsed is not None
    assert parsed.essence == "text/plain"
    assert parsed.parameters == {"a": 'x;"y\\', "b": "c"}


@pytest.mark.parametrize(
    "written",
    [CLOUDEVENTS_JSON, "Application/CloudEvents+JSON; charset=UTF-8", f'{CLOUDEVENTS_JSON};a="b"'],
)
def test_an_event_in_structured_mode_is_found_however_its_type_is_written(written: str) -> None:
    body = EVENT.to_json()
    read: list[RawEvent] = [
        from_kafka(b"k", body, [("content-type", written.encode())]),
        from_mqtt5(body, written, []),
        *from_http([(b"Content-Type", written.encode())], body),
    ]
    assert [one.id for one in read] == ["e1"] * 3


@pytest.mark.parametrize(
    "written", [f"{CLOUDEVENTS_JSON}; charset=utf-16", "application/cloudevents+avro"]
)
def test_a_structured_mode_that_is_not_read_is_named(written: str) -> None:
    for read in (
        lambda: from_kafka(b"k", b"{}", [("content-type", written.encode())]),
        lambda: from_mqtt5(b"{}", written, []),
        lambda: from_http([(b"content-type", written.encode())], b"{}"),
    ):
        with pytest.raises(MalformedEvent, match=r"utf-16|avro"):
            read()
