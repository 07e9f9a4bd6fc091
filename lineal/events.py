"""Finds event types: those of lineal and those of installed packages.

A package names the modules that define its types under the entry points ``lineal.events``.
"""

from __future__ import annotations

from functools import cache

from lineal.plugins import plugins
from lineal_schemas.catalogue import lineal_payloads
from lineal_schemas.payload import Payload, payload_types

ENTRY_POINTS = "lineal.events"


@cache
def known_types() -> dict[str, type[Payload]]:
    """The newest model of every type that is known here, those of installed stages included."""
    from lineal.stages.discovery import installed_stages

    lineal_payloads()
    plugins(ENTRY_POINTS)
    installed_stages()
    return payload_types()


def installed_types() -> dict[str, type[Payload]]:
    """The types of installed packages: those that they name, and those that their stages take and
    make."""
    from lineal.stages.discovery import installed_stages

    named = {module.__name__ for module in plugins(ENTRY_POINTS).loaded.values()}
    stages = installed_stages().values()
    used = {payload.type for stage in stages for payload in (*stage.inputs, *stage.produces)}
    return {
        name: model
        for name, model in known_types().items()
        if name in used or name in types_of_lineal() or model.__module__ in named
    }


@cache
def types_of_lineal() -> frozenset[str]:
    """The types that lineal itself defines."""
    return frozenset(lineal_payloads())


def types_of(package: str) -> dict[str, type[Payload]]:
    """The known types that the modules of a package define, by type."""
    return {
        name: model
        for name, model in known_types().items()
        if model.__module__ == package or model.__module__.startswith(f"{package}.")
    }
