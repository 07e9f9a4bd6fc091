"""The effect types, and ``apply``, the one function that writes them to a store.

An effect is frozen data. Each type is registered with the function that applies a sequence of its
effects; a package that brings a type of its own registers it in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict

from lineal.plugins import plugins
from lineal.store.connection import Connection

ENTRY_POINTS = "lineal.effects"
"""Entry points that name modules which register effect types of other packages."""


class Effect:
    """Base of all effect types, which are frozen dataclasses.

    Applying an effect is idempotent by the event it belongs to and its key: where the bus and the
    store cannot share a transaction it may be applied again after a crash.
    """

    __slots__ = ()
    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    kind: ClassVar[str]
    """The type's name where effects are stored or sent."""
    read_by_others: ClassVar[bool]
    """Whether the next event of the key, or another step, can read what it writes. A bus that
    shares no transaction with the store applies such effects before it commits."""
    last: ClassVar[bool] = False
    """Whether it is applied after all others: it reads what they write."""


Apply = Callable[[Connection, Sequence[Any]], None]


class _Registered(NamedTuple):
    type: type[Effect]
    apply: Apply
    order: tuple[bool, str]


_types: dict[str, _Registered] = {}


def register(apply: Apply, *types: type[Effect]) -> None:
    """Make effect types known.

    Args:
        apply: applies effects of any of these types, in their order, in the caller's transaction.
            Types whose effects change the same rows share one function.
    """
    order = types[0].last, types[0].kind
    for type in types:
        known = _types.get(type.kind)
        if known is not None and known.type is not type:
            raise ValueError(f"two effect types are called {type.kind!r}")
        _types[type.kind] = _Registered(type, apply, order)


def has_program_types() -> bool:
    """Whether types were registered by modules of the running program, which no installed package
    names: another process does not know them."""
    return any(_package(item.type.__module__) not in _packages() for item in _types.values())


@cache
def _packages() -> frozenset[str]:
    named = (point.module for point in entry_points(group=ENTRY_POINTS))
    return frozenset(map(_package, ("lineal", *named)))


def _package(module: str) -> str:
    return module.partition(".")[0]


def effect_type(kind: str) -> type[Effect]:
    """The type of a name.

    Raises:
        ValueError: no installed package has it.
    """
    if kind not in _types:
        plugins(ENTRY_POINTS)
    if kind not in _types:
        raise ValueError(f"no installed package has effects of the kind {kind!r}")
    return _types[kind].type


def apply(connection: Connection, effects: Sequence[Effect]) -> None:
    """Apply effects in the caller's transaction, those of a type together.

    Types come in the same order in every transaction, so that two of them cannot wait for each
    other's rows; lineage records come last, since projections read objects of the same transaction.

    Raises:
        StateConflict: another event has changed a key of state meanwhile.
        Exception: an effect cannot be applied.
    """
    groups: dict[tuple[bool, str], tuple[Apply, list[Effect]]] = {}
    for effect in effects:
        _, function, order = _types[effect.kind]
        if order not in groups:
            groups[order] = function, []
        groups[order][1].append(effect)
    for order in sorted(groups):
        function, group = groups[order]
        function(connection, group)
