"""Settings of regions and of the links between them: ``[regions]``."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from lineal.errors import LinealError
from lineal.settings import KafkaSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NEVER = ("lineal.", "dead.", "redrive.")
"""Beginnings of topics of an installation's own bookkeeping: no other one can use it."""


class UnknownRegion(LinealError, LookupError):
    """The settings name no such region, or no such link."""


class BusSettings(BaseModel):
    """Where a region is."""

    model_config = ConfigDict(extra="forbid")

    data: Path
    """Its data folder; of a region on other machines, a folder for what this one keeps."""
    bus: str = "sqlite:"
    store: str = "sqlite:"
    objects: str = "file:"
    mark_secrets: SecretStr | None = None
    kafka: KafkaSettings = KafkaSettings()


class LinkSettings(BaseModel):
    """A link: which events of one region are brought to another."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    source: Annotated[str, Field(alias="from")]
    target: Annotated[str, Field(alias="to")]
    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names or patterns (``document.*``)."""
    start: Literal["beginning", "now"] = "beginning"
    """Which events a new link begins with."""

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"it begins and ends in {self.source!r}: name two regions")
        return self

    def carries(self, topic: str) -> bool:
        """Whether events of a topic are brought over."""
        return not topic.startswith(_NEVER) and any(
            fnmatchcase(topic, pattern) for pattern in self.topics
        )


class RegionSettings(BaseModel):
    """The regions that are known here, and the links that run here."""

    model_config = ConfigDict(extra="forbid")

    here: str = "here"
    """What this installation is called."""
    buses: dict[str, BusSettings] = {}
    """The others, by name: ``[regions.buses.NAME]``."""
    links: dict[str, LinkSettings] = {}
    """``[regions.links.NAME]``."""

    @field_validator("here")
    @classmethod
    def _is_name(cls, name: str) -> str:
        return _checked(name)

    @model_validator(mode="after")
    def _names_known_regions(self) -> Self:
        for name in (*self.buses, *self.links):
            _checked(name)
        if self.here in self.buses:
            raise ValueError(f"{self.here!r} is this installation and cannot be another one too")
        for name, link in self.links.items():
            for end in (link.source, link.target):
                if end not in self.names:
                    there = ", ".join(self.names)
                    raise ValueError(f"link {name}: no region is called {end!r}; there are {there}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of all regions, this one first."""
        return self.here, *self.buses

    def link(self, name: str) -> LinkSettings:
        """A link by its name.

        Raises:
            UnknownRegion
        """
        if name not in self.links:
            there = ", ".join(sorted(self.links)) or "none; set one under [regions.links.NAME]"
            raise UnknownRegion(f"no link is called {name!r}; there are: {there}")
        return self.links[name]


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name: small letters, digits and - (at most 40)")
    return name
