"""Settings that had another name before: the former one still works, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
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
