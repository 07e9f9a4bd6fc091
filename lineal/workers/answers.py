"""What a sandboxed worker answers, as data: nothing in it is run when it is read.

A pickle may call anything. Here values are JSON with their bytes behind it, and objects are made
again only of types that hold data (named tuples, dataclasses, pydantic models, enumerations) and
that this process has imported already; their fields are checked as their types check them.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import struct
import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from lineal.workers.errors import WorkerError

_HEAD = struct.Struct("<QQ")
_MAX_DEPTH = 200
_INT64 = range(-(1 << 63), 1 << 63)


class UnreadableAnswer(WorkerError):
    """A worker's answer is no data of a known type: it may have been taken over."""


def encode(value: Any) -> bytes:
    """A value as bytes.

    Raises:
        TypeError: it holds something that is no data.
    """
    buffers: list[bytes] = []
    tree = orjson.dumps(_encoded(value, buffers, 0))
    lengths = struct.pack(f"<{len(buffers)}Q", *map(len, buffers))
    return b"".join([_HEAD.pack(len(tree), len(buffers)), lengths, tree, *buffers])


def decode(data: bytes) -> Any:
    """The value that :func:`encode` made bytes of.

    Raises:
        UnreadableAnswer: the bytes are of something else.
    """
    try:
        size, count = _HEAD.unpack_from(data)
        at = _HEAD.size + 8 * count
        lengths = struct.unpack_from(f"<{count}Q", data, _HEAD.size)
        tree = orjson.loads(data[at : at + size])
        at += size
        buffers: list[bytes] = []
        for length in lengths:
            buffers.append(data[at : at + length])
            at += length
        return _decoded(tree, buffers, 0)
    except UnreadableAnswer:
        raise
    except Exception as error:
        raise UnreadableAnswer(f"a worker's answer cannot be read: {error}") from error


def encode_error(error: Exception) -> dict[str, Any]:
    """An error as data: its type, arguments and notes.

    Raises:
        TypeError: an argument is no data, or the arguments do not make the error again.
    """
    type(error)(*error.args)
    return {
        "type": _name(type(error)),
        "arguments": list(error.args),
        "notes": list(getattr(error, "__notes__", ())),
    }


def decode_error(found: Any) -> Exception:
    """The error again: of its own type where that is known here.

    Raises:
        UnreadableAnswer: it is none.
    """
    if not isinstance(found, dict) or not isinstance(found.get("arguments"), list):
        raise UnreadableAnswer("a worker's answer is no error")
    kind = _known(str(found.get("type")))
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise UnreadableAnswer(f"a worker raised {found.get('type')}, which is no error")
    try:
        error = kind(*found["arguments"])
    except Exception as problem:
        raise UnreadableAnswer(f"a worker's {found['type']} cannot be made: {problem}") from problem
    for note in found.get("notes", ()):
        error.add_note(str(note))
    return error


def _encoded(value: Any, buffers: list[bytes], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise TypeError("the value is nested too deep")
    depth += 1
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return {"e": _name(type(value)), "v": value.name}
        case int():
            return int(value) if value in _INT64 else {"i": str(value)}
        case float():
            return float(value) if math.isfinite(value) else {"f": repr(float(value))}
        case str():
            return _text(value, buffers)
        case bytes() | bytearray() | memoryview():
            buffers.append(bytes(value))
            return {"b": len(buffers) - 1}
        case BaseModel():
            return {"m": _name(type(value)), "v": value.model_dump_json()}
        case tuple() if hasattr(value, "_fields"):
            items = [_encoded(item, buffers, depth) for item in value]
            return {"n": _name(type(value)), "v": items}
        case tuple():
            return {"t": [_encoded(item, buffers, depth) for item in value]}
        case list():
            return [_encoded(item, buffers, depth) for item in value]
        case set() | frozenset():
            kind = "frozenset" if isinstance(value, frozenset) else "set"
            return {kind: [_encoded(item, buffers, depth) for item in value]}
        case dict():
            pairs = [
                [_encoded(key, buffers, depth), _encoded(item, buffers, depth)]
                for key, item in value.items()
            ]
            return {"d": pairs}
        case datetime.datetime():
            return {"time": value.isoformat()}
        case Path():
            return {"p": _text(str(value), buffers)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _encoded(getattr(value, field.name), buffers, depth)
            for field in dataclasses.fields(value)
            if field.init
        }
        return {"c": _name(type(value)), "v": fields}
    if type(value).__module__ == "numpy":
        return _encoded_array(value, buffers)
    raise TypeError(f"{type(value).__name__} is no data that a worker can answer with")


def _text(value: str, buffers: list[bytes]) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        buffers.append(value.encode("utf-8", "surrogatepass"))
        return {"s": len(buffers) - 1}
    return value


def _encoded_array(value: Any, buffers: list[bytes]) -> Any:
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in "biufcSU":
        raise TypeError(f"an array of {array.dtype} is no data that a worker can answer with")
    buffers.append(array.tobytes())
    scalar = not isinstance(value, np.ndarray)
    return {"a": array.dtype.str, "v": [list(array.shape), len(buffers) - 1, scalar]}


def _decoded(tree: Any, buffers: list[bytes], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise UnreadableAnswer("a worker's answer is nested too deep")
    depth += 1
    if isinstance(tree, list):
        return [_decoded(item, buffers, depth) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"b": int(at)}:
            return buffers[at]
        case {"s": int(at)}:
            return buffers[at].decode("utf-8", "surrogatepass")
        case {"i": str(digits)}:
            return int(digits)
        case {"f": str(number)}:
            return float(number)
        case {"t": list(items)}:
            return tuple(_decoded(item, buffers, depth) for item in items)
        case {"set": list(items)}:
            return {_decoded(item, buffers, depth) for item in items}
        case {"frozenset": list(items)}:
            return frozenset(_decoded(item, buffers, depth) for item in items)
        case {"d": list(pairs)}:
            return {
                _decoded(key, buffers, depth): _decoded(item, buffers, depth) for key, item in pairs
            }
        case {"time": str(stamp)}:
            return datetime.datetime.fromisoformat(stamp)
        case {"p": text}:
            return Path(_decoded(text, buffers, depth))
        case {"e": str(name), "v": str(member)}:
            return _of_kind(name, enum.Enum)[member]
        case {"m": str(name), "v": str(fields)}:
            return _of_kind(name, BaseModel).model_validate_json(fields)
        case {"n": str(name), "v": list(items)}:
            kind = _of_kind(name, tuple)
            if not hasattr(kind, "_fields"):
                raise UnreadableAnswer(f"{name} is no named tuple")
            return kind._make(_decoded(item, buffers, depth) for item in items)
        case {"c": str(name), "v": dict(fields)}:
            kind = _of_kind(name, object)
            if not hasattr(kind, "__dataclass_fields__"):
                raise UnreadableAnswer(f"{name} is no dataclass")
            return kind(**{k: _decoded(item, buffers, depth) for k, item in fields.items()})
        case {"a": str(dtype), "v": [list(shape), int(at), bool(scalar)]}:
            return _decoded_array(dtype, shape, buffers[at], scalar)
    raise UnreadableAnswer("a worker's answer holds something unknown")


def _decoded_array(dtype: str, shape: list[int], data: bytes, scalar: bool) -> Any:
    import numpy as np

    kind = np.dtype(dtype)
    if kind.hasobject:
        raise UnreadableAnswer("a worker's answer holds an array of objects")
    array = np.frombuffer(data, kind).reshape(shape).copy()
    return array[()] if scalar else array


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _known(name: str) -> Any:
    """A type by its name, of a module that is imported already: reading an answer imports none."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    if found is None:
        raise UnreadableAnswer(f"a worker answers with {name}, which is not known here")
    for part in path.split("."):
        found = vars(found).get(part)
        if found is None:
            raise UnreadableAnswer(f"a worker answers with {name}, which is not known here")
    return found


def _of_kind(name: str, kind: type) -> Any:
    found = _known(name)
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise UnreadableAnswer(f"a worker answers with {name}, which is no {kind.__name__}")
    return found
