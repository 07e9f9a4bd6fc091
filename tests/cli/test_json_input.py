"""What `lineal emit` takes for one event, whatever it is fed and in whatever pieces it comes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lineal_cli.json_input import items_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3)


def items(data: bytes, piece: int = 1 << 16) -> list[bytes]:
    chunks = (data[start : start + piece] for start in range(0, len(data), piece))
    return [item for batch in items_of(chunks) for item in batch]


def values(data: bytes, piece: int = 1 << 16) -> list[object]:
    return [json.loads(item) for item in items(data, piece)]


@given(st.lists(OBJECTS, max_size=5), st.integers(1, 40), st.booleans())
def test_each_json_line_is_an_item_however_the_stream_is_cut(
    objects: list[object], piece: int, last_newline: bool
) -> None:
    data = "\n".join(json.dumps(item) for item in objects).encode() + b"\n" * last_newline
    assert values(data, piece) == objects


@given(OBJECTS, st.integers(1, 40))
def test_a_document_over_many_lines_is_one_item(document: object, piece: int) -> None:
    assert values(json.dumps(document, indent=2).encode(), piece) == [document]


@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 2]), st.integers(1, 40))
def test_the_elements_of_an_array_are_the_items(
    array: list[object], indent: int | None, piece: int
) -> None:
    assert values(json.dumps(array, indent=indent).encode(), piece) == array


def test_arrays_on_several_lines_are_items_themselves() -> None:
    assert values(b"[1, 2]\n[3]\n") == [[1, 2], [3]]


def test_a_line_that_is_not_json_among_others_is_kept_as_it_is() -> None:
    assert items(b'{"a": 1}\n\nnot json\n{"b": 2}') == [b'{"a": 1}', b"not json", b'{"b": 2}']


def test_text_is_taken_line_by_line() -> None:
    assert items(b"first\n\nsecond\n") == [b"first", b"second"]


@given(st.binary(min_size=1), st.integers(1, 40))
def test_bytes_that_are_no_text_are_one_item_unchanged(data: bytes, piece: int) -> None:
    data = b"\xff\xfe" + data
    assert items(data, piece) == [data]


def test_a_json_line_is_known_before_the_stream_ends() -> None:
    def endless() -> object:
        yield b'{"a": 1}\n'
        raise AssertionError("asked for more before giving out what is there")

    assert next(items_of(endless())) == [b'{"a": 1}']  # type: ignore[arg-type]


def test_nothing_gives_nothing() -> None:
    assert items(b"") == items(b"\n \n") == []
