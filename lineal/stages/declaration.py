"""Declaring a stage: a function with a name, a version, and the event types it takes and makes."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from lineal.lineage.record import Model
from lineal.stages.context import Context
from lineal.stages.source_digest import source_digest
from lineal_schemas.envelope import Event
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload

P = TypeVar("P", bound=Payload)
Q = TypeVar("Q", bound=Part)
C = TypeVar("C", bound=BaseModel)

Outputs: TypeAlias = Payload | Sequence[Payload] | None


class Reject(Exception):
    """Raised by a stage for an event that can never succeed: it is not retried.

    The text is shown to people and kept in the ledger: say what is wrong with the input in words
    that hold no personal data (no file names, no contents).
    """


class NoConfig(BaseModel):
    """The configuration of a stage that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A declared stage: everything the runner needs to know about it."""

    name: str
    version: str
    consumes: type[Payload]
    """The type it takes; the first of :attr:`inputs`."""
    produces: tuple[type[Payload], ...]
    handle: Callable[[Any, Context[Any]], Awaitable[Outputs]] = field(repr=False)
    gathers: bool = False
    """Whether it is given all the parts of a whole at once, instead of one event."""
    memo: bool = True
    """Whether work already done on the same inputs is skipped and its outputs emitted again.
    False for projections, which must be able to be rebuilt by replay."""
    config: type[BaseModel] = NoConfig
    models: Callable[[Any], Sequence[Model]] | None = None
    """Names the models used under a configuration. Asked when the stage is bound; their digests are
    part of every step's identity and lineage, so another model makes earlier outputs stale."""
    trained: Callable[[Any], Sequence[str]] | None = None
    """Names, under a configuration, the trained models the stage uses: those in use at the time.
    Like :attr:`models` they are part of every step's identity, so a promotion makes earlier outputs
    stale."""
    section: str | None = None
    """Under which name its settings stand, for stages that share them; None: its own."""
    warm_up: str | None = None
    """``module:function`` that every worker process calls at its start, so that the first events
    do not wait for models to be loaded."""
    lanes: int | None = None
    """How many keys are handled at the same time; None takes the runtime's setting."""
    consumes_too: tuple[type[Payload], ...] = ()
    """Further types it takes. Events of one key are handled one after another whatever their type,
    but no order between types is kept."""
    code_digest: str = ""
    """SHA-256 over the sources of the package (or single module) the function stands in."""

    @property
    def inputs(self) -> tuple[type[Payload], ...]:
        """All types it takes."""
        return (self.consumes, *self.consumes_too)


def stage(
    name: str,
    *,
    version: str,
    consumes: type[P] | tuple[type[P], ...],
    produces: type[Payload] | tuple[type[Payload], ...] = (),
    config: type[C] | None = None,
    models: Callable[[C], Sequence[Model]] | None = None,
    trained: Callable[[C], Sequence[str]] | None = None,
    memo: bool = True,
    lanes: int | None = None,
    warm_up: str | None = None,
    section: str | None = None,
) -> Callable[[Callable[[Event[P], Context[C]], Awaitable[Outputs]]], Stage]:
    """Declare a function of one event as a stage.

    ``consumes`` is the type of event it takes, or several; the function then tells them apart.

    It returns zero or more payloads, raises :class:`Reject` for what can never succeed; any other
    exception is taken as transient and retried.

    Raises:
        TypeError: the declaration cannot work; said at import, not at the first event.
    """

    def declare(function: Callable[[Event[P], Context[C]], Awaitable[Outputs]]) -> Stage:
        return _declare(
            function,
            name,
            version,
            consumes,
            produces,
            config,
            models,
            trained,
            memo,
            lanes,
            warm_up,
            section,
            False,
        )

    return declare


def gather(
    name: str,
    *,
    version: str,
    consumes: type[Q],
    produces: type[Payload] | tuple[type[Payload], ...] = (),
    config: type[C] | None = None,
    models: Callable[[C], Sequence[Model]] | None = None,
    trained: Callable[[C], Sequence[str]] | None = None,
    memo: bool = True,
    lanes: int | None = None,
    warm_up: str | None = None,
    section: str | None = None,
) -> Callable[[Callable[[Sequence[Event[Q]], Context[C]], Awaitable[Outputs]]], Stage]:
    """Declare a function of all the parts of a whole as a stage.

    It is called once per whole, when the last part is in, with the parts in the order of their
    index. Which parts are in survives restarts.
    """

    def declare(function: Callable[[Sequence[Event[Q]], Context[C]], Awaitable[Outputs]]) -> Stage:
        if not issubclass(consumes, Part):
            raise TypeError(f"stage {name!r}: a gather stage must consume a Part")
        return _declare(
            function,
            name,
            version,
            consumes,
            produces,
            config,
            models,
            trained,
            memo,
            lanes,
            warm_up,
            section,
            True,
        )

    return declare


def _declare(
    function: Callable[[Any, Any], Awaitable[Outputs]],
    name: str,
    version: str,
    consumes: type[Payload] | tuple[type[Payload], ...],
    produces: type[Payload] | tuple[type[Payload], ...],
    config: type[BaseModel] | None,
    models: Callable[[Any], Sequence[Model]] | None,
    trained: Callable[[Any], Sequence[str]] | None,
    memo: bool,
    lanes: int | None,
    warm_up: str | None,
    section: str | None,
    gathers: bool,
) -> Stage:
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"stage {name!r}: {function.__qualname__} must be an async function")
    if not name or not all(part.isidentifier() for part in name.replace("-", "_").split(".")):
        raise TypeError(f"stage name {name!r} must be words joined by dots")
    made = produces if isinstance(produces, tuple) else (produces,)
    taken = consumes if isinstance(consumes, tuple) else (consumes,)
    if not taken:
        raise TypeError(f"stage {name!r} takes no type of event")
    for payload in (*taken, *made):
        if getattr(payload, "type", None) is None:
            raise TypeError(f"stage {name!r}: {payload.__name__} has no event type")
    return Stage(
        name=name,
        version=version,
        consumes=taken[0],
        consumes_too=taken[1:],
        produces=made,
        handle=function,
        gathers=gathers,
        memo=memo,
        config=config or NoConfig,
        models=models,
        trained=trained,
        lanes=lanes,
        warm_up=warm_up,
        section=section,
        code_digest=source_digest(function),
    )
