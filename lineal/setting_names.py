"""Names that are no setting, and the setting that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_CUTOFF = 0.6
_ENVIRONMENT_CUTOFF = 0.85
"""In the environment others have variables of the same prefix (Kubernetes names services so)."""


def setting_problems(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with settings, as a sentence for each; a name that is none is said with the
    nearest one there is."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {_message(problem, model)}"
        for problem in error.errors(include_url=False, include_input=False)
    )


def misspelt_variable(name: str, model: type[BaseModel], prefix: str) -> str | None:
    """What is wrong with the name of an environment variable that is no setting; None where it
    resembles none, and is somebody else's."""
    given = name.lower().removeprefix(prefix.lower())
    if given.split("__")[0] in model.model_fields:
        return None
    names = {known.replace("__", "_"): known for known in _variables(model)}
    nearest = difflib.get_close_matches(
        given.replace("__", "_"), names, n=1, cutoff=_ENVIRONMENT_CUTOFF
    )
    if not nearest:
        return None
    return f"{name}: there is no such setting. Did you mean {prefix}{names[nearest[0]].upper()}?"


def _variables(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for inner in _models(field.annotation):
            yield from _variables(inner, f"{prefix}{name}__")


def _message(problem: Any, model: type[BaseModel]) -> str:
    if problem["type"] != "extra_forbidden":
        return str(problem["msg"])
    nearest = nearest_setting(problem["loc"], model)
    return "there is no such setting" + (f", did you mean {nearest}?" if nearest else "")


def nearest_setting(place: Sequence[int | str], model: type[BaseModel]) -> str | None:
    """The setting that was probably meant by one that there is not."""
    *path, name = place
    nearest = difflib.get_close_matches(str(name), _names_at(model, path), n=1, cutoff=_CUTOFF)
    return ".".join(map(str, (*path, nearest[0]))) if nearest else None


def _names_at(model: type[BaseModel], path: Iterable[int | str]) -> set[str]:
    """The names of the settings that stand beside each other in a place."""
    kinds: list[Any] = [model]
    for part in path:
        inner: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                field = kind.model_fields.get(str(part))
                inner += [] if field is None else [field.annotation]
            else:
                inner += get_args(kind)
        kinds = inner
    return {name for kind in kinds for found in _models(kind) for name in found.model_fields}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
