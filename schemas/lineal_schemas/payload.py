"""``Payload``: frozen, versioned models, found by event type and version; upcasters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import isfunction
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from lineal_schemas.errors import LinealError
from lineal_schemas.foreign import Foreign

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


Labels = Annotated[dict[str, str], AfterValidator(lambda labels: dict(sorted(labels.items())))]
"""Free key-value pairs, kept sorted so that equal labels have equal bytes."""


class UnknownPayload(LinealError, LookupError):
    """No model is registered for a type, or none that its version can be upcast to."""


class Payload(BaseModel):
    """The base of every event's data.

    A subclass states its wire name: ``class Arrived(Payload, type="x.arrived", version=1)``.
    ``foreign=Avro("orders-value")`` says that others write and read it by a schema registry.
    Unknown fields are ignored, so that a reader survives a writer that is one version ahead.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    version: ClassVar[int]

    def __init_subclass__(
        cls,
        *,
        type: str | None = None,
        version: int | None = None,
        foreign: Foreign | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        _adopt_story(cls)
        if type is None and version is None:
            return
        if type is None or version is None or version < 1:
            raise TypeError(f"{cls.__name__} must state both type= and version= (from 1 up)")
        known = _latest.get(type)
        if known is not None and known.version == version and _home(known) != _home(cls):
            raise TypeError(f"{type} version {version} is already {'.'.join(_home(known))}")
        cls.type = type
        cls.version = version
        if known is None or version >= known.version:
            _latest[type] = cls
            _foreign.pop(type, None)
            if foreign is not None:
                _foreign[type] = foreign

    def partition_key(self) -> str | None:
        """Events with the same key are handled strictly in order; None takes the event's id."""
        return None

    def correlation_key(self) -> str | None:
        """What the event is about, as ``order:x-1``: its subject and correlation id.

        None keeps those of the event that caused it.
        """
        return None

    def story(self) -> str | None:
        """The former name of :meth:`correlation_key`."""
        warnings.warn(
            "Payload.story() is called correlation_key() now", DeprecationWarning, stacklevel=2
        )
        for base in self.__class__.__mro__:
            own = base.__dict__.get("correlation_key")
            if own is not None and own is not _story_as_correlation_key:
                key: str | None = own(self)
                return key
        return None


def _story_as_correlation_key(self: Payload) -> str | None:
    return self.story()


def _adopt_story(model: type[Payload]) -> None:
    """Let a model that overrides ``story`` alone say its correlation key by it."""
    if isfunction(model.__dict__.get("story")) and "correlation_key" not in model.__dict__:
        warnings.warn(
            f"{model.__qualname__}.story() is called correlation_key() now: rename it",
            DeprecationWarning,
            stacklevel=5,
        )
        model.correlation_key = _story_as_correlation_key  # type: ignore[method-assign]


def _home(model: type[Payload]) -> tuple[str, str]:
    """Where a model is defined; a reloaded module defines the same one again."""
    return model.__module__, model.__qualname__


_latest: dict[str, type[Payload]] = {}
_foreign: dict[str, Foreign] = {}
_upcasters: dict[tuple[str, int], Upcaster] = {}


def payload_types() -> dict[str, type[Payload]]:
    """The newest model of every registered event type, by type."""
    return dict(_latest)


def foreign_of(type: str) -> Foreign | None:
    """In which format others write and read events of a type; None for our own."""
    return _foreign.get(type)


def upcaster(type: str, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Register how data of ``from_version`` becomes data of the next version."""

    def register(function: Upcaster) -> Upcaster:
        _upcasters[type, from_version] = function
        return function

    return register


def missing_upcasts(type: str, version: int) -> list[int]:
    """The versions before ``version`` from which no upcaster takes a type one version on."""
    return [step for step in range(1, version) if (type, step) not in _upcasters]


def parse_payload(type: str, version: int | None, data: bytes) -> Payload:
    """Read an event's data as the newest version of its type.

    Args:
        version: of the data; None where only a foreign schema names it: the newest is tried.

    Raises:
        UnknownPayload: the type is not registered, or its version cannot be upcast.
        pydantic.ValidationError: the data does not fit the model.
        ValueError: data of an older version is not JSON, or its upcaster fails on it.
    """
    model = _latest.get(type)
    if model is None:
        raise UnknownPayload(f"no payload is registered for event type {type!r}")
    if version is None or version == model.version:
        # What model_validate_json() calls, which takes as long again: this is done for every event.
        payload: Payload = model.__pydantic_validator__.validate_json(data)
        return payload
    if version > model.version:
        raise UnknownPayload(
            f"{type} version {version} is newer than the version {model.version} known here: "
            "upgrade lineal-schemas"
        )
    fields = from_json(data)
    if not isinstance(fields, dict):
        raise ValueError(f"{type} version {version} is not a JSON object")
    for step in range(version, model.version):
        upcast = _upcasters.get((type, step))
        if upcast is None:
            raise UnknownPayload(f"no upcaster takes {type} from version {step} to {step + 1}")
        try:
            fields = upcast(fields)
        except Exception as error:
            raise ValueError(f"{type} version {step} cannot be upcast: {error!r}") from error
    return model.model_validate_json(to_json(fields))


def payload_bytes(payload: Payload) -> bytes:
    """A payload as JSON. Fields come in the order of their declaration and :data:`Labels` are
    sorted, so equal payloads have equal bytes and equal digests."""
    return payload.__pydantic_serializer__.to_json(payload, by_alias=True)
