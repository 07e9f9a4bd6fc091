"""Encodes effects as bytes and decodes them.

Frames follow one another: a letter for the kind, the length as four bytes, big-endian, and the
content. Records and memo entries, of which every step has one, are binary; other effects are JSON
with their bytes in base64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from pydantic import TypeAdapter

import lineal.effects.claims
import lineal.effects.fan_in
import lineal.effects.letter_claims
import lineal.effects.objects
import lineal.effects.state
import lineal.effects.timers
import lineal.effects.waiting  # noqa: F401 - these register their types
from lineal.effects.effect import Effect, effect_type
from lineal.effects.memo import MemoEntry
from lineal.effects.records import LineageRecord

_RECORD, _MEMO, _OTHER = b"r", b"m", b"e"
_HEAD = struct.Struct(">cI")
_adapters: dict[str, TypeAdapter[Any]] = {}


def encode(effects: Iterable[Effect]) -> bytes:
    """Effects of any registered type as bytes."""
    return b"".join(map(frame, effects))


def frame(effect: Effect) -> bytes:
    """One effect as bytes; frames can be joined."""
    if isinstance(effect, LineageRecord):
        return _HEAD.pack(_RECORD, len(effect.canonical)) + effect.canonical
    if isinstance(effect, MemoEntry):
        step, outputs = effect.step, effect.outputs
        head = _HEAD.pack(_MEMO, 1 + len(step) + len(outputs))
        return b"".join((head, bytes((len(step),)), step, outputs))
    fields = _adapter(type(effect)).dump_json(effect)
    content = b"".join((b'{"kind":', orjson.dumps(effect.kind), b',"fields":', fields, b"}"))
    return _HEAD.pack(_OTHER, len(content)) + content


def decode(message: bytes) -> list[Effect]:
    """Effects from bytes.

    Raises:
        ValueError: they are no effects, or of a kind that no installed package has.
    """
    return [_effect(letter, content) for letter, content in _frames(message)]


def decode_known(message: bytes) -> tuple[list[Effect], list[str]]:
    """Effects from bytes, and what is wrong with those that cannot be read here: of a kind, or with
    fields, that no package installed here has.

    Raises:
        ValueError: they are no effects.
    """
    effects, problems = [], []
    for letter, content in _frames(message):
        try:
            effects.append(_effect(letter, content))
        except ValueError as error:
            if letter != _OTHER:
                raise
            problems.append(str(error))
    return effects, problems


def _frames(message: bytes) -> Iterator[tuple[bytes, bytes]]:
    begin, ends = 0, len(message)
    while begin < ends:
        content_at = begin + _HEAD.size
        if content_at > ends:
            raise ValueError("a frame of effects is cut off")
        letter, length = _HEAD.unpack_from(message, begin)
        begin = content_at + length
        if begin > ends:
            raise ValueError("a frame of effects is cut off")
        yield letter, message[content_at:begin]


def _effect(letter: bytes, content: bytes) -> Effect:
    if letter == _RECORD:
        return LineageRecord(content)
    if letter == _MEMO:
        if not content or len(content) < 1 + content[0]:
            raise ValueError("a memo entry is cut off")
        step_ends = 1 + content[0]
        return MemoEntry(content[1:step_ends], content[step_ends:])
    if letter != _OTHER:
        raise ValueError(f"effects of an unknown frame: {letter!r}")
    said = orjson.loads(content)
    if not isinstance(said, dict) or not said.keys() >= {"kind", "fields"}:
        raise ValueError("an effect names no kind")
    found: Effect = _adapter(effect_type(said["kind"])).validate_json(orjson.dumps(said["fields"]))
    return found


def _adapter(type: type[Effect]) -> TypeAdapter[Any]:
    if type.kind not in _adapters:
        _adapters[type.kind] = TypeAdapter(type)
    return _adapters[type.kind]
