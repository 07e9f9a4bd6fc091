"""Names of services, as they stand on diagrams."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lineal.errors import LinealError

_TOKEN = re.compile(r"[^\W_]+")


class WrongVocabulary(LinealError, ValueError):
    """A file of services cannot be used; says where."""


class Service(BaseModel):
    """A service, and how it is recognised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    aliases: tuple[str, ...] = ()
    icons: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    service: tuple[Service, ...] = ()


class Alias(NamedTuple):
    """A name that is looked for in text."""

    words: tuple[str, ...]
    """Folded, as :func:`tokens` has them."""
    service: str
    exact: bool
    """``S3`` or ``ECS``: as it is written, capitals and all, or not at all."""
    written: str


def tokens(text: str) -> list[str]:
    """The words of a text in small letters."""
    return _TOKEN.findall(text.casefold())


def services_in(data: bytes, name: str) -> tuple[Service, ...]:
    """The services of a file.

    Raises:
        WrongVocabulary: it is none, or says what is not known.
    """
    try:
        return _File.model_validate(tomllib.loads(data.decode())).service
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongVocabulary(f"{name}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongVocabulary(f"{name}: {where}: {first['msg']}") from error


def bundled_vocabulary() -> bytes:
    """The file of services that comes along."""
    return files("lineal_consumers.diagrams").joinpath("services.toml").read_bytes()


@lru_cache(maxsize=4)
def vocabulary(further: bytes | None) -> tuple[Service, ...]:
    """Our services, and those of a further file in their place or after them.

    Raises:
        WrongVocabulary: the further file cannot be used.
    """
    found = {item.name: item for item in services_in(bundled_vocabulary(), "services.toml")}
    if further is not None:
        found.update((item.name, item) for item in services_in(further, "the vocabulary"))
    return tuple(found.values())


def read_vocabulary(file: Path) -> bytes:
    """The bytes of a further file of services.

    Raises:
        WrongVocabulary: there is no such file, or it cannot be used.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WrongVocabulary(f"the vocabulary {str(file)!r} cannot be read: {error}") from error
    services_in(data, str(file))
    return data


@lru_cache(maxsize=4)
def aliases(services: tuple[Service, ...]) -> tuple[Alias, ...]:
    """All names, those of most words first."""
    found = [
        Alias(words, service.name, len("".join(words)) <= 4, alias)
        for service in services
        for alias in dict.fromkeys((service.name, *service.aliases))
        if (words := tuple(tokens(alias)))
    ]
    return tuple(sorted(found, key=lambda alias: (-len(alias.words), -len("".join(alias.words)))))
