"""Declaring a stage: a name, a version, and async functions of the payloads it takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Any,
    Generic,
    Literal,
    ParamSpec,
    Required,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
    get_args,
    overload,
)

from pydantic import BaseModel

from lineal.dependencies.dependency import Dependency
from lineal.durations import seconds_of
from lineal.errors import LinealError
from lineal.former_names import with_present_names
from lineal.lineage.record import Kind, UsedArtifact
from lineal.stages.context import Context, NoConfig
from lineal.stages.handlers import Handler, output_payloads, read_handler, require_type
from lineal.stages.source_digest import source_digest
from lineal_schemas.parts import Part
from lineal_schemas.payload import Payload

Outputs: TypeAlias = Payload | Sequence[Payload] | None
OnFailure = Literal["go on", "wait"]

A = ParamSpec("A")
C = TypeVar("C", bound=BaseModel)
I_ = TypeVar("I_", bound=Payload | Sequence[Payload])
R = TypeVar("R", bound=Outputs | Sequence[Outputs])
F = TypeVar("F", bound=Callable[..., Awaitable[Outputs | Sequence[Outputs]]])

DEFAULT_BATCH = 500
WORKER_LANES = 2_048
"""Lanes for a stage whose functions wait for worker processes: an event without a lane has no turn
there, however cheap it is."""


class StageOptions(TypedDict, total=False):
    """The options of :func:`stage` and :func:`fan_in`."""

    version: Required[str]
    """Raise it when the same input should give another output."""
    produces: type[Payload] | tuple[type[Payload], ...]
    """The types of its outputs."""
    config: type[BaseModel]
    """Its configuration; without it the one that ``Context[MyConfig]`` names."""
    memo: bool
    """Whether work already done on the same inputs is skipped and its outputs emitted again.
    False for a stage that keeps state, sets timers, reads the clock, or writes to something
    outside, and for projections, which must be able to be rebuilt by replay."""
    artifacts: Callable[[Any], Sequence[UsedArtifact]]
    """Names the files that its functions work with under a configuration: weights, dictionaries,
    rules. Asked when the stage is bound; their digests are part of every step's identity and
    lineage, so another file makes earlier outputs stale."""
    reads: Callable[[Any], Sequence[Path]]
    """Names, under a configuration, the files and folders that its functions read in worker
    processes, besides objects: the sandbox lets them read no others of the machine's."""
    in_use: Callable[[Any], Sequence[str]]
    """Names, under a configuration, the artifacts of which the stage uses the version in use at the
    time (``ctx.artifact``). Like ``artifacts`` they are part of every step's identity, so another
    version makes earlier outputs stale."""
    batch: int
    """At most so many events are handed at once to a handler that takes a list. Default: 500."""
    within: str | float
    """Of a fan-in stage: a group that is not complete so long after its first part (``"10m"``, or
    seconds) is closed, and the function is called with the parts that came."""
    timeout: float
    """Seconds a handler may take, without what it waits for a worker process; one that takes longer
    has failed."""
    on_failure: OnFailure
    """What happens to later events of a key after one has become a dead letter: ``"go on"`` handles
    them, ``"wait"`` holds them back until it is redriven or dropped."""
    calls: Sequence[str | Dependency]
    """What it calls outside of lineal (``ctx.call``): names, or dependencies with their own
    defaults."""
    retry_delays: Sequence[str | float]
    """A failed event leaves its lane and is tried again after each of these (``"10s"``, ``"5m"``,
    or seconds), and then is a dead letter; later events of its key do not wait. ``retry.delays`` of
    the settings overrides it."""
    record_kind: Kind
    """The kind of its steps in lineage records; a step can set another one
    (``ctx.record_kind``)."""
    lanes: int
    """How many keys are handled at the same time; default: the runtime's setting."""
    warm_up: str
    """``module:function`` that loads what worker processes need: called once, before they are
    forked, or by each of them where it starts threads."""
    section: str
    """The name of its section of settings, for stages that share one. Default: its own name."""
    subject_state: bool
    """Whether each value that it keeps belongs to the subject of the event that changed it last,
    and is erased with it. Default: only values go whose keys name the subject."""


@dataclass(slots=True, kw_only=True, eq=False)
class Stage:
    """A declared stage: everything the runner needs to know about it.

    The fields that are not described here are those of :class:`StageOptions`.
    """

    name: str
    version: str
    produces: tuple[type[Payload], ...] = ()
    fan_in: bool = False
    """Whether its handler is given all the parts of a group at once."""
    config: type[BaseModel] = NoConfig
    memo: bool = True
    artifacts: Callable[[Any], Sequence[UsedArtifact]] | None = None
    reads: Callable[[Any], Sequence[Path]] | None = None
    in_use: Callable[[Any], Sequence[str]] | None = None
    batch: int = DEFAULT_BATCH
    within: float | None = None
    """In seconds."""
    timeout: float | None = None
    on_failure: OnFailure = "go on"
    calls: tuple[str | Dependency, ...] = ()
    retry_delays: tuple[float, ...] = ()
    """In seconds."""
    record_kind: Kind | None = None
    lanes: int | None = None
    warm_up: str | None = None
    section: str | None = None
    subject_state: bool = False
    handlers: dict[type[Payload], Handler] = field(default_factory=dict, repr=False)
    """The handler of each type it takes. Events of one key are handled one after another whatever
    their type, but no order between types is kept."""
    code_digest: str = ""
    """SHA-256 over the sources of the packages (or single modules) of its functions."""

    @property
    def inputs(self) -> tuple[type[Payload], ...]:
        """All types it takes, in the order of their declaration."""
        return tuple(self.handlers)

    @property
    def consumes(self) -> type[Payload]:
        """The first type it takes."""
        return next(iter(self.handlers))

    @property
    def function(self) -> Callable[..., Awaitable[Any]]:
        """The function that was declared first."""
        return next(iter(self.handlers.values())).function

    def handler_for(self, payload: Payload) -> Handler | None:
        """The handler of a payload; None if the stage does not take it."""
        handler = self.handlers.get(type(payload))
        if handler is not None:
            return handler
        return next((h for kind, h in self.handlers.items() if isinstance(payload, kind)), None)

    def on(self, function: F) -> F:
        """Declare one more handler, for other types of events. Used as a decorator.

        Raises:
            TypeError: the function cannot be a handler of this stage.
        """
        if self.fan_in:
            raise TypeError(
                f"stage {self.name!r}: a fan-in stage has one handler: declare a stage of its own"
            )
        self._add(function, sys._getframe(1).f_locals)
        return function

    def _add(self, function: Callable[..., Awaitable[Any]], names: Mapping[str, Any]) -> None:
        handler = read_handler(self.name, function, names)
        for payload in handler.payloads:
            known = self.handlers.get(payload)
            if known is not None:
                raise TypeError(
                    f"stage {self.name!r}: {function.__qualname__} takes {payload.__name__}, which "
                    f"{known.function.__qualname__} takes already: one handler for each type"
                )
        if handler.config is not None and not issubclass(self.config, handler.config):
            raise TypeError(
                f"stage {self.name!r}: {function.__qualname__} has "
                f"Context[{handler.config.__name__}], but the stage is configured by "
                f"{self.config.__name__}: use that, or write config={handler.config.__name__}"
            )
        for returned in output_payloads(function, names):
            if not any(issubclass(payload, returned) for payload in self.produces):
                raise TypeError(
                    f"stage {self.name!r}: {function.__qualname__} returns {returned.__name__}, "
                    f"which the stage does not declare: write it into produces="
                )
        modules = {item.function.__module__ for item in self.handlers.values()}
        self.handlers.update(dict.fromkeys(handler.payloads, handler))
        if function.__module__ not in modules:
            self.code_digest = source_digest(*(h.function for h in self.handlers.values()))


class StageFunction(Stage, Generic[A, R]):
    """A stage that can be called like the function it was declared with."""

    __slots__ = ()

    def __call__(self, *args: A.args, **kwargs: A.kwargs) -> Awaitable[R]:
        return cast("Awaitable[R]", self.function(*args, **kwargs))


class Declaration:
    """A declaration that waits for its function; see :func:`stage`."""

    def __init__(self, name: str, options: StageOptions, *, fan_in: bool) -> None:
        _check_name(name)
        self._name = name
        self._options = _checked(name, options)
        self._fan_in = fan_in

    @overload
    def __call__(self, function: Callable[[I_], Awaitable[R]], /) -> StageFunction[[I_], R]: ...

    @overload
    def __call__(
        self, function: Callable[[I_, Context[C]], Awaitable[R]], /
    ) -> StageFunction[[I_, Context[C]], R]: ...

    def __call__(self, function: Any, /) -> Any:
        names = sys._getframe(1).f_locals
        handler = read_handler(self._name, function, names)
        options: dict[str, Any] = {"config": handler.config or NoConfig, **self._options}
        made = StageFunction[Any, Any](name=self._name, fan_in=self._fan_in, **options)
        _check_form(made, handler, has_batch="batch" in self._options)
        made._add(function, names)
        return made


def stage(name: str, **options: Unpack[StageOptions]) -> Declaration:
    """Declare an async function as a stage.

    The type of its first argument is what the stage consumes: a payload, a union of payloads, or a
    list of payloads (a batch of events, of any keys). The second argument, the context, may be left
    out. Further types are declared with :meth:`Stage.on`.

    A handler returns a payload, a sequence of payloads, or None. One that takes a list returns a
    list of the same length: what each event came to. It raises :class:`~lineal.Reject` for what can
    never succeed and :class:`~lineal.Retry` for what cannot be done yet; any other exception is
    taken as transient and retried.

    Raises:
        TypeError, ValueError: the declaration cannot work; said at import, not at the first event.
    """
    return Declaration(name, options, fan_in=False)


def fan_in(name: str, **options: Unpack[StageOptions]) -> Declaration:
    """Declare an async function of all the parts of a group as a stage.

    Its first argument is a list or sequence of a :class:`~lineal_schemas.parts.Part`. It is called
    once a group, when the last part is in, with the parts in the order of their index; or with
    those that came, when the group is closed by time (``within``). What is in survives restarts.

    Raises:
        TypeError, ValueError: the declaration cannot work.
    """
    return Declaration(name, options, fan_in=True)


def declare_consumer(
    name: str,
    function: Callable[[Any, Context[Any]], Awaitable[Outputs]],
    payloads: Sequence[type[Payload]],
    *,
    produces: Sequence[type[Payload]],
    **options: Any,
) -> Stage:
    """The stage of a consumer that a program has of its own: its types are given, and not those of
    its function's argument. It has no memo.

    Raises:
        TypeError: the name is none of a stage, or a type is no payload.
    """
    _check_name(name)
    where = f"consumer {name!r}"
    if not payloads:
        raise TypeError(f"{where} takes no type of events: name one, or several")
    for payload in (*payloads, *produces):
        if not (isinstance(payload, type) and issubclass(payload, Payload)):
            raise TypeError(f"{where}: {payload!r} is not a payload")
        require_type(where, payload)
    handler = Handler(function, tuple(payloads), "event", function, None)
    return Stage(
        name=name,
        produces=tuple(produces),
        memo=False,
        handlers=dict.fromkeys(payloads, handler),
        code_digest=source_digest(function),
        **options,
    )


def _check_name(name: str) -> None:
    if not name or not all(part.isidentifier() for part in name.replace("-", "_").split(".")):
        raise TypeError(f"stage name {name!r} must be words joined by dots, as in 'orders.total'")


def _checked(name: str, options: StageOptions) -> dict[str, Any]:
    """The options as fields of a :class:`Stage`."""
    where = f"stage {name!r}"
    fields = with_present_names(where, options)
    unknown = fields.keys() - StageOptions.__annotations__.keys()
    if unknown:
        hint = ": what it takes is its first argument's type" if "consumes" in unknown else ""
        raise TypeError(f"{where} has no option {', '.join(sorted(unknown))}{hint}")
    if "version" not in fields:
        raise TypeError(f'{where} states no version: write version="1"')
    if not isinstance(fields["version"], str) or not fields["version"]:
        raise TypeError(f'{where}: version={fields["version"]!r} is no text: write version="1"')
    produces = fields.pop("produces", ())
    fields["produces"] = produces if isinstance(produces, tuple) else (produces,)
    for payload in fields["produces"]:
        if not (isinstance(payload, type) and issubclass(payload, Payload)):
            raise TypeError(f"{where}: produces={payload!r} is not a payload")
        require_type(where, payload)
    if options.get("batch", 1) < 1:
        raise ValueError(f"{where}: batch={options['batch']} must be at least 1 event")
    if options.get("lanes", 1) < 1:
        raise ValueError(f"{where}: lanes={options['lanes']} must be at least 1 key")
    if "within" in fields:
        [fields["within"]] = _durations(where, "within", [fields["within"]])
    if options.get("timeout", 1.0) <= 0:
        raise ValueError(f"{where}: timeout={options['timeout']} must be more than 0 seconds")
    if fields.get("on_failure", "go on") not in get_args(OnFailure):
        choices = ", ".join(map(repr, get_args(OnFailure)))
        raise ValueError(f"{where}: on_failure={fields['on_failure']!r} is not one of {choices}")
    fields["calls"] = tuple(fields.get("calls", ()))
    if fields["calls"] and fields.get("memo", True):
        raise ValueError(
            f"{where}: an answer from outside does not follow from the event, so it is not to be "
            "remembered: with calls= write memo=False"
        )
    delays = fields.get("retry_delays", ())
    fields["retry_delays"] = _durations(where, "retry_delays", delays)
    if fields["retry_delays"] and fields.get("on_failure") == "wait":
        raise ValueError(
            f'{where}: with on_failure="wait" later events of a key wait for a failed one, with '
            "retry_delays they do not: choose one of the two"
        )
    kind = fields.get("record_kind")
    if kind is not None and not re.fullmatch("[a-z]{1,32}", kind):
        raise ValueError(f"{where}: record_kind={kind!r} is not one lower-case word")
    return fields


def _durations(where: str, option: str, given: Sequence[str | float]) -> tuple[float, ...]:
    """Durations in seconds."""
    try:
        found = tuple(seconds_of(each) if isinstance(each, str) else float(each) for each in given)
    except LinealError as error:
        raise ValueError(f"{where}: {option}: {error}") from error
    if any(each <= 0 for each in found):
        raise ValueError(f"{where}: {option}={given!r} must each be more than 0 seconds")
    return found


def _check_form(stage: Stage, handler: Handler, *, has_batch: bool) -> None:
    """Check that a stage's first handler is of the form that its options ask for."""
    where = f"stage {stage.name!r}"
    if stage.fan_in:
        [first, *more] = handler.payloads
        if handler.input_kind != "batch" or more or not issubclass(first, Part):
            raise TypeError(
                f"{where}: a fan-in stage takes all parts of a group: write "
                "`(parts: Sequence[MyPart], ctx: Context)` with one payload that is a Part"
            )
        if has_batch:
            raise TypeError(f"{where}: a fan-in stage is given a group at a time, it has no batch=")
    elif stage.within is not None:
        raise TypeError(f"{where}: within= closes the groups of a fan-in stage: use @fan_in")
    elif has_batch and handler.input_kind != "batch":
        raise TypeError(
            f"{where}: batch= is for a handler that takes a list: write "
            f"`list[{handler.payloads[0].__name__}]`"
        )
