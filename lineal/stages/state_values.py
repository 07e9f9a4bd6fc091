"""Encodes values of a stage's state: typed values as JSON, bytes as they are."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

T = TypeVar("T")


def encode_value(value: Any) -> bytes:
    """A value as it is kept.

    Raises:
        TypeError: it is None, which is no value.
        pydantic_core.PydanticSerializationError: it has no JSON.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    if value is None:
        raise TypeError("None is not a value of state: call ctx.state.delete(key)")
    return to_json(value)


def decode_value(kind: type[T], data: bytes) -> T:
    """A value of a type from what is kept.

    Raises:
        pydantic.ValidationError: it is not of that type.
    """
    if kind is bytes:
        return cast("T", data)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate_json(data)
    return cast("T", _adapter(cast("Hashable", kind)).validate_json(data))


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
