"""Settings that had another name before: the former one still works, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import model_validator


def former_names(**former_by_name: str) -> Any:
    """Let a model of settings accept the former names of its fields.

    Used in the body of the model: ``_former_names = former_names(min_sample="least_sample")``. A
    former name gives a :class:`FutureWarning`, which Python shows to users by default; one beside
    the present name is an error of validation.
    """

    def rename(values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        renamed = dict(values)
        for name, former in former_by_name.items():
            if former not in renamed:
                continue
            if name in renamed:
                raise ValueError(f"{former} is the former name of {name}: set only {name}")
            warnings.warn(f"the setting {former} is called {name} now", FutureWarning, stacklevel=2)
            renamed[name] = renamed.pop(former)
        return renamed

    return model_validator(mode="before")(rename)


def with_moved_sections(values: Any, sections: Collection[str]) -> Any:
    """Settings in which each producer that has a section of its own has what was set for it under
    ``producers``, with a :class:`FutureWarning`.

    Raises:
        ValueError: it is set in both places.
    """
    producers = values.get("producers") if isinstance(values, Mapping) else None
    moved = sorted(set(producers).intersection(sections)) if isinstance(producers, Mapping) else ()
    if not moved:
        return values
    assert isinstance(producers, Mapping)
    changed = {**values, "producers": {n: v for n, v in producers.items() if n not in moved}}
    for name in moved:
        if name in values:
            raise ValueError(f"producers.{name} is the former name of {name}: set only {name}")
        warnings.warn(f"[producers.{name}] is called [{name}] now", FutureWarning, stacklevel=2)
        changed[name] = producers[name]
    return changed
