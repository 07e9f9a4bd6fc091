"""Settings that packages bring, by entry point.

A package names a pydantic model under the entry points ``lineal.settings``: its fields are the
settings of a section, which has the name of the entry point. ``orders = "shop:OrderSettings"`` is
``[orders]`` in ``lineal.toml`` and ``LINEAL_ORDERS__*`` in the environment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from lineal.plugins import SkippedPlugin, log_skipped, plugins

ENTRY_POINTS = "lineal.settings"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class TopLevelSettings(BaseModel):
    """Base of settings without a section: each stands at the top, under its own name."""


class InstalledSettings(NamedTuple):
    """What the installed packages bring."""

    models: Mapping[str, type[BaseModel]]
    """By the name of the entry point."""
    skipped: tuple[SkippedPlugin, ...]
    unread: frozenset[str]
    """The sections of those that are left out, so far as nobody else has one of the name."""

    def fields(self) -> dict[str, Any]:
        """What the settings have beside the runtime's own, as ``create_model`` takes it.

        What is set in the section of a plug-in that is left out is read and not looked at.
        """
        found: dict[str, Any] = dict.fromkeys(self.unread, (Any, None))
        for name, model in self.models.items():
            if issubclass(model, TopLevelSettings):
                found |= {
                    field: (info.annotation, info) for field, info in model.model_fields.items()
                }
            else:
                found[name] = (model, model())
        return found


@cache
def installed_settings(own: frozenset[str]) -> InstalledSettings:
    """The settings of all installed packages.

    Args:
        own: names that the runtime has at the top.
    """
    loaded = plugins(ENTRY_POINTS)
    models: dict[str, type[BaseModel]] = {}
    skipped: list[SkippedPlugin] = []
    taken = set(own)
    for name, model in loaded.loaded.items():
        if problem := _problem(name, model, taken):
            target = f"{getattr(model, '__module__', '')}:{getattr(model, '__name__', name)}"
            skipped.append(SkippedPlugin(ENTRY_POINTS, name, target, "broken", problem))
        else:
            models[name] = model
            taken |= _top_names(name, model)
    log_skipped(skipped)
    left_out = (*loaded.skipped, *skipped)
    unread = {item.name for item in left_out if _NAME.fullmatch(item.name)} - taken
    return InstalledSettings(models, left_out, frozenset(unread))


def _problem(name: str, model: Any, taken: Collection[str]) -> str:
    """Why what an entry point names cannot be used; empty if it can."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return "it is not a pydantic model"
    if not issubclass(model, TopLevelSettings) and not _NAME.fullmatch(name):
        return f"{name!r} is no name of a section: small letters, digits and single underscores"
    if both := _top_names(name, model) & set(taken):
        return f"there is a setting {min(both)} already"
    try:
        model()
    except ValidationError as error:
        return f"not every setting has a default: {error.errors()[0]['loc']}"
    return ""


def _top_names(name: str, model: type[BaseModel]) -> set[str]:
    return set(model.model_fields) if issubclass(model, TopLevelSettings) else {name}
