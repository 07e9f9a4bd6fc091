"""Reads from a function's annotations which payloads and configuration it takes."""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from lineal.stages.context import Context
from lineal_schemas.envelope import Event
from lineal_schemas.payload import Payload

InputKind = Literal["event", "batch"]
_SEQUENCES = (list, Sequence)


@dataclass(frozen=True, slots=True)
class Handler:
    """One function of a stage."""

    function: Callable[..., Awaitable[Any]]
    payloads: tuple[type[Payload], ...]
    """The types of events it takes."""
    input_kind: InputKind
    """Whether it is called with one payload or with a list of payloads: a batch, or, in a fan-in
    stage, all parts of a group."""
    call: Callable[[Any, Context[Any]], Awaitable[Any]]
    """The function, called with its context whether or not it takes one."""
    config: type[BaseModel] | None
    """The configuration that ``Context[...]`` names."""


def read_handler(
    stage: str, function: Callable[..., Awaitable[Any]], names: Mapping[str, Any]
) -> Handler:
    """The handler that a function is.

    Args:
        names: the local names where the function is defined, for annotations that use them.

    Raises:
        TypeError: the function cannot be a handler.
    """
    where = f"stage {stage!r}: {getattr(function, '__qualname__', function)}"
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{where} must be an async function: write `async def`")
    parameters = list(inspect.signature(function).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not 1 <= len(parameters) <= 2 or any(item.kind not in positional for item in parameters):
        raise TypeError(
            f"{where} must take a payload and, if it uses it, the context: write "
            "`(payload: MyPayload, ctx: Context[MyConfig])`"
        )
    first, *rest = parameters
    annotation = _resolved(where, function, first, names)
    input_kind: InputKind = "event"
    if get_origin(annotation) in _SEQUENCES or annotation in _SEQUENCES:
        input_kind = "batch"
        annotation = get_args(annotation)[0] if get_args(annotation) else inspect.Parameter.empty
    payloads = _payloads(where, first.name, annotation)
    config = _config(where, _resolved(where, function, rest[0], names)) if rest else None
    return Handler(function, payloads, input_kind, function if rest else _without(function), config)


def output_payloads(
    function: Callable[..., Awaitable[Any]], names: Mapping[str, Any]
) -> list[type[Payload]]:
    """The payloads that a function's annotation says it returns; none where it names what is not
    known when the function is declared, since nothing else depends on it.

    Args:
        names: as :func:`read_handler`.
    """
    annotation = inspect.signature(function).return_annotation
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, function.__globals__, dict(names))  # noqa: S307
        except Exception:
            return []
    found, waiting = [], [annotation]
    while waiting:
        part = waiting.pop()
        waiting += get_args(part)
        if isinstance(part, type) and issubclass(part, Payload):
            found.append(part)
    return found


def _without(
    function: Callable[..., Awaitable[Any]],
) -> Callable[[Any, Context[Any]], Awaitable[Any]]:
    def call(data: Any, ctx: Context[Any]) -> Awaitable[Any]:
        return function(data)

    return call


def _resolved(
    where: str,
    function: Callable[..., Awaitable[Any]],
    parameter: inspect.Parameter,
    names: Mapping[str, Any],
) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    try:
        # The text is the author's own code; typing.get_type_hints would do the same, but for all
        # annotations at once, and so fail at those that nobody needs.
        return eval(annotation, function.__globals__, dict(names))  # noqa: S307
    except Exception as error:
        raise TypeError(
            f"{where}: the annotation {annotation!r} of {parameter.name!r} is not known when the "
            f"stage is declared ({error}): import it at the top of the module, not under "
            "TYPE_CHECKING"
        ) from error


def _payloads(where: str, name: str, annotation: Any) -> tuple[type[Payload], ...]:
    hint = f"write `{name}: MyPayload`, a union of payloads, or a list of them"
    if annotation is inspect.Parameter.empty or annotation is Any:
        raise TypeError(f"{where}: {name!r} does not say which payload it is: {hint}")
    if get_origin(annotation) is Event or annotation is Event:
        raise TypeError(
            f"{where}: {name!r} is an Event; a stage is given the payload: {hint}. The attributes "
            "of the event are those of ctx.event"
        )
    is_union = get_origin(annotation) in (Union, types.UnionType)
    payloads = get_args(annotation) if is_union else (annotation,)
    for payload in payloads:
        if not (isinstance(payload, type) and issubclass(payload, Payload)):
            raise TypeError(f"{where}: {name!r} is {payload!r}, not a payload: {hint}")
        require_type(where, payload)
    return payloads


def require_type(where: str, payload: type[Payload]) -> None:
    """Check that a payload states its event type.

    Raises:
        TypeError: it is a base class of payloads.
    """
    if getattr(payload, "type", None) is None:
        raise TypeError(
            f"{where}: {payload.__name__} has no event type: write "
            f'`class {payload.__name__}(Payload, type="...", version=1)`, or name the payloads '
            "that descend from it"
        )


def _config(where: str, annotation: Any) -> type[BaseModel] | None:
    if annotation in (inspect.Parameter.empty, Any, Context):
        return None
    config = get_args(annotation)[0] if get_origin(annotation) is Context else None
    if config is Any:
        return None
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise TypeError(
            f"{where}: the second argument is {annotation!r}: write `ctx: Context[MyConfig]` with "
            "a pydantic model, or `ctx: Context` where there is no configuration"
        )
    return config
