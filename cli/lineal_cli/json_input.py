"""Splits input into events: JSON lines, one JSON document or array, or plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic_core import from_json, to_json


def items_of(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The items of a stream, in batches as they become known.

    When the first line that is not empty is JSON by itself, every line is an item, known as soon
    as it has come; but a single line that is an array has its elements as items. Otherwise the
    whole is one JSON document (or array); failing that, the lines of a text, or, for bytes that
    are not UTF-8 text, one item.
    """
    batches = _lines(chunks)
    seen: list[bytes] = []
    for batch in batches:
        seen += batch
        if _filled(seen):
            break
    first = _filled(seen)
    if not first:
        return
    if not _is_json(first[0]):
        for batch in batches:
            seen += batch
        yield _complete(b"\n".join(seen))
        return
    if first[0].lstrip().startswith(b"["):
        # Only with the next line it is known whether this array is one of many items or all.
        for batch in batches:
            first += _filled(batch)
            if len(first) > 1:
                break
        if len(first) == 1:
            first = _elements(first[0])
    yield first
    for batch in batches:
        if items := _filled(batch):
            yield items


def _filled(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if line.strip()]


def _elements(array: bytes) -> list[bytes]:
    return [to_json(element) for element in from_json(array)]


def _complete(data: bytes) -> list[bytes]:
    if _is_json(data):
        return _elements(data) if data.lstrip().startswith(b"[") else [data.strip()]
    try:
        data.decode()
    except UnicodeDecodeError:
        return [data]
    return _filled(data.split(b"\n"))


def _lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines without their ends; the last one also when nothing ends it. Joined by newlines, all
    of them are the stream again."""
    pending: list[bytes] = []
    for chunk in chunks:
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            pending.append(chunk)
            continue
        lines = b"".join([*pending, head]).split(b"\n")
        pending = [tail]
        yield lines
    yield [b"".join(pending)]


def _is_json(line: bytes) -> bool:
    try:
        from_json(line, allow_inf_nan=False)
    except ValueError:
        return False
    return True
