"""A machine, described in one file: ``machines/NAME.toml``.

The same description is used by the agent on the device, by detection and drift, and by training:
which channels there are, in which units, and what their readings are compared with.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lineal_schemas.errors import LinealError
from lineal_schemas.models import ModelName
from lineal_schemas.toml_lines import line_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ChannelKind = Literal["level", "angle", "counter", "state"]


class BadMachine(LinealError, ValueError):
    """A machine file cannot be used; the message names file, line and what to write instead."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Channel(_Section):
    """One of the values that are measured."""

    unit: str = ""
    """As it is shown beside numbers, such as ``bar`` or ``°C``."""
    kind: ChannelKind = "level"
    """``level``: compared with its usual value; ``angle`` in radians: 359 degrees are next to 1;
    ``counter`` (only rises) and ``state`` (a few values) are stored and shown, not scored."""
    range: tuple[float, float] | None = None
    """What the sensor can show, in its unit."""
    column: str | None = None
    """What the source calls it; none: as here."""
    source: dict[str, Any] | None = None
    """How the device's source gets it, such as the address and type of a register; which settings
    there are is the source's matter."""
    drift: bool = True
    """Whether it is watched for drift; no where it goes wherever the weather goes."""

    @model_validator(mode="after")
    def _range_ascends(self) -> Channel:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("range is [lowest, highest]")
        return self

    @property
    def scored(self) -> bool:
        """Whether a model looks at it."""
        return self.kind in ("level", "angle")


class Windows(_Section):
    """What is scored at a time; all in readings."""

    length: Annotated[int, Field(ge=2)] = 60
    step: Annotated[int, Field(ge=1)] = 1
    smoothing: Annotated[int, Field(ge=1)] = 20
    """Span of the moving average that takes the noise off."""

    @model_validator(mode="after")
    def _step_fits(self) -> Windows:
        if self.step > self.length:
            raise ValueError("step is at most length")
        return self


class Normal(_Section):
    """What counts as normal."""

    baseline: Literal["moving", "fixed"] = "moving"
    """``moving``: departures from levels that follow slow changes; ``fixed``: from the levels of
    the training, for machines that always run at the same point."""
    follows_in: Annotated[int, Field(ge=1)] = 150
    """Readings within which a moving baseline follows."""
    accept_after: Annotated[int, Field(ge=1)] = 600
    """Readings after which an anomaly that does not end is the new normal."""
    ask_after: Annotated[int, Field(ge=1)] = 300
    """Readings after which a person is asked about an anomaly that has not ended."""
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Of normal windows, what the threshold is calibrated to, before the margin."""
    margin: Annotated[float, Field(ge=1)] = 1.45
    """The threshold is multiplied by it: for what a short time of learning has not seen."""
    false_alarms_a_week: Annotated[float, Field(gt=0)] | None = None
    """Of one device, at most so many with a confidence of 90 %: the threshold follows from it, and
    not from rate and margin."""
    learn_from: Annotated[int, Field(ge=100)] = 2000
    """Readings before the first model is learnt."""


class Machine(_Section):
    """A kind of machine, and the devices that are of it."""

    name: ModelName
    """Also of the model that is learnt for it."""
    devices: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of devices; ``*`` and ``?`` stand for others."""
    rate_hz: Annotated[float, Field(gt=0)] = 1.0
    """Readings a second."""
    season: Literal["daily", "weekly", "none"] = "daily"
    """What recurs: drift is then a change against the same hours before. ``none``: against the
    training."""
    channels: Annotated[dict[str, Channel], Field(min_length=1)]
    windows: Windows = Windows()
    normal: Normal = Normal()

    @model_validator(mode="after")
    def _has_something_to_score(self) -> Machine:
        if not self.scored:
            raise ValueError("no channel is a level or an angle: there is nothing to score")
        columns = list(self.columns)
        for place, (name, column) in enumerate(zip(self.channels, columns, strict=True)):
            if column in columns[:place]:
                raise PydanticCustomError(
                    "column",
                    "two channels are read from the column {column}",
                    {"column": repr(column), "place": ("channels", name, "column")},
                )
        return self

    @property
    def scored(self) -> tuple[str, ...]:
        """The channels that models look at, in the order of the file."""
        return tuple(name for name, channel in self.channels.items() if channel.scored)

    @property
    def angles(self) -> tuple[str, ...]:
        """Those of them that are angles."""
        return tuple(name for name in self.scored if self.channels[name].kind == "angle")

    @property
    def columns(self) -> tuple[str, ...]:
        """What the source calls the channels, in the order of the file."""
        return tuple(channel.column or name for name, channel in self.channels.items())

    def unit_of(self, channel: str) -> str:
        """The unit of a channel, as it is shown beside numbers; empty where none is stated."""
        described = self.channels.get(channel)
        return "" if described is None else described.unit

    def out_of_range(self, channel: str, value: float) -> bool:
        """Whether a sensor cannot have shown such a value."""
        limits = self.channels[channel].range
        return limits is not None and not limits[0] <= value <= limits[1]


def read_machine(file: Path) -> Machine:
    """Read a machine file. Without a ``name`` it has the file's.

    Raises:
        BadMachine: it cannot be read, is not TOML, or something in it is unknown or out of range.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadMachine(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadMachine(f"{file}: it is not UTF-8") from error
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadMachine(f"{file}: {error}") from error
    try:
        return Machine.model_validate({"name": file.stem, **fields})
    except ValidationError as error:
        problems = [_problem(file, text, dict(one)) for one in error.errors(include_url=False)]
        in_order = sorted(problems, key=lambda one: _line_in(one, file))
        raise BadMachine("\n".join(in_order)) from error


def problem(file: Path, path: tuple[str, ...], message: str) -> BadMachine:
    """What is wrong with one setting of a machine file, with its line."""
    line = line_of(file.read_text(encoding="utf-8-sig"), path)
    return BadMachine(f"{file}:{line}: {'.'.join(path)}: {message}")


def read_machines(folder: Path) -> tuple[Machine, ...]:
    """The machines of all ``.toml`` files in a folder, by name; none if it is not there.

    Raises:
        BadMachine: see :func:`read_machine`; or two have one name, or name the same devices.
    """
    found: dict[str, Machine] = {}
    devices: dict[str, str] = {}
    for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        machine = read_machine(file)
        if machine.name in found:
            raise BadMachine(f"{file}: another file describes a machine {machine.name!r} already")
        for pattern in machine.devices:
            if devices.setdefault(pattern, machine.name) != machine.name:
                other = devices[pattern]
                raise problem(file, ("devices",), f"{pattern!r} are those of {other!r} already")
        found[machine.name] = machine
    return tuple(found.values())


def by_pattern(machines: Sequence[Machine]) -> dict[str, Machine]:
    """The machine of each pattern of devices' names, names in full first and longer patterns before
    shorter ones: where a device fits several, what says most of it holds."""
    found = {pattern: machine for machine in machines for pattern in machine.devices}
    order = sorted(found, key=lambda pattern: (bool(set(pattern) & set("*?[")), -len(pattern)))
    return {pattern: found[pattern] for pattern in order}


def machine_of(machines: Sequence[Machine], device: str) -> Machine | None:
    """The machine that a device is; None where no file describes it."""
    ordered = by_pattern(machines)
    return next((each for name, each in ordered.items() if fnmatchcase(device, name)), None)


def _problem(file: Path, text: str, error: Mapping[str, Any]) -> str:
    loc = error["loc"] or error.get("ctx", {}).get("place", ())
    path = tuple(part for part in loc if isinstance(part, str))
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"there is no setting {path[-1]!r} here{_belongs(path, path[-1])}"
    elif path[-1:] == ("range",):
        message = "range is [lowest, highest], two numbers"
    elif error["type"] == "missing":
        message = f"{path[-1]} is missing"
    elif error["type"] in ("tuple_type", "too_short"):
        message = 'it is a list with at least one name, as in ["pump-1", "pump-*"]'
    elif error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = f"it is a section of settings, which begins with [{'.'.join(path)}]"
        if path == ("channels",):
            message = "each channel is a section of settings, which begins with [channels.NAME]"
    return f"{file}:{line_of(text, path)}: {'.'.join(path)}: {message}".replace(": : ", ": ")


def _line_in(problem: str, file: Path) -> int:
    return int(problem.removeprefix(f"{file}:").split(":")[0])


def _belongs(path: tuple[str, ...], setting: str) -> str:
    """Which sections have a setting of this name, or else the one here that it resembles; empty if
    there is none."""
    sections: dict[str, type[BaseModel]] = {
        "[channels.NAME]": Channel,
        "[windows]": Windows,
        "[normal]": Normal,
    }
    found = [name for name, model in sections.items() if setting in model.model_fields]
    if setting in Machine.model_fields:
        found.append("the top of the file")
    if found:
        return f": it belongs to {' or '.join(found)}"
    here: dict[str, type[BaseModel]] = {"channels": Channel, "windows": Windows, "normal": Normal}
    model = here.get(path[0], Machine) if len(path) > 1 else Machine
    meant = get_close_matches(setting, model.model_fields, n=1)
    return f": {meant[0]!r} is meant?" if meant else ""
