"""What all sources' settings have in common, and where a source learns of its channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lineal_scoring.machine import problem, read_machine


class SourceSettings(BaseModel):
    """The ``[source]`` section of the agent's settings; each kind of source has a class of its own,
    which narrows ``kind`` to its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str


class ChannelSource(BaseModel):
    """How a source gets one channel; each kind that has to be told has a class of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    named_by: ClassVar[str | None] = None
    """The setting that is the channel's name (or ``column``, in a machine file) unless it is set;
    None where there is no such setting."""


Channel = TypeVar("Channel", bound=ChannelSource)


class ChannelSettings(SourceSettings):
    """Of a source whose channels are described: in a machine file, or beside the source itself."""

    machine: Path | None = None
    """A machine file, as ``lineal machine new`` makes it, which names the channels, how each is
    read (``source``), and how many readings a second there are."""

    @model_validator(mode="after")
    def _one_of_both(self) -> ChannelSettings:
        if self.machine is not None and getattr(self, "channels", None):
            raise ValueError("machine and channels: name one of the two")
        return self

    def rate(self) -> float | None:
        """Readings a second that the machine file says; None without one.

        Raises:
            BadMachine: the machine file cannot be used.
        """
        return None if self.machine is None else read_machine(self.machine).rate_hz


def channels_of(
    settings: ChannelSettings, given: Mapping[str, Channel], model: type[Channel]
) -> dict[str, Channel]:
    """The channels of a source in their order: those ``given``, or the machine file's. Empty where
    neither names any.

    Raises:
        BadMachine: the machine file cannot be used, or does not say how a channel is read.
    """
    named_by = model.named_by
    found: dict[str, Channel] = {}
    if settings.machine is None:
        for name, channel in given.items():
            if named_by and getattr(channel, named_by) is None:
                channel = channel.model_copy(update={named_by: name})
            found[name] = channel
        return found
    for name, described in read_machine(settings.machine).channels.items():
        fields: dict[str, Any] = dict(described.source or {})
        if named_by:
            fields.setdefault(named_by, described.column or name)
        try:
            found[name] = model.model_validate(fields)
        except ValidationError as error:
            one = error.errors(include_url=False)[0]
            path = ("channels", name, "source", *map(str, one["loc"]))
            message = one["msg"].removeprefix("Value error, ")
            if one["type"] == "missing":
                message = f"a source of kind {settings.kind} has to know it"
            elif one["type"] == "extra_forbidden":
                message = f"a source of kind {settings.kind} has no such setting"
            raise problem(settings.machine, path, message) from error
    return found
