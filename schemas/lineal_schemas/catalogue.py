"""Lists every event type that this distribution defines."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import lineal_schemas
from lineal_schemas.payload import Payload, payload_types

_TOOLS = {"asyncapi", "catalogue", "compatibility", "export", "history", "media_types"}
"""Modules that define no event and cost time to import."""


def lineal_payloads() -> dict[str, type[Payload]]:
    """The newest payload models that this distribution defines, by event type."""
    _import_all()
    return {
        type: model
        for type, model in payload_types().items()
        if model.__module__.startswith("lineal_schemas.")
    }


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(lineal_schemas.__path__):
        if module.name not in _TOOLS:
            importlib.import_module(f"lineal_schemas.{module.name}")
