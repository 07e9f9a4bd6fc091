"""Stages, their settings and dependencies that settings name and that there are not."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from lineal.dependencies.dependency import Dependency
from lineal.setting_names import nearest_setting
from lineal.stages.configuration import read_config, section_of
from lineal.stages.declaration import Stage
from lineal.stages.discovery import installed_stages, skipped_stages
from lineal.store.connection import Connection

if TYPE_CHECKING:
    from lineal.settings import Settings

_CUTOFF = 0.7


class UnknownName(NamedTuple):
    """A name in the settings that nothing has here."""

    setting: str
    """``retry.delays.charge``, for one."""
    what: str
    nearest: str | None
    """The name that was probably meant."""

    def __str__(self) -> str:
        meant = "" if self.nearest is None else f", did you mean {self.nearest}?"
        return f"settings [{self.setting}]: there is no such {self.what}{meant}"


def unknown_names(
    settings: Settings, stages: Sequence[Stage], earlier: Collection[str] = ()
) -> list[UnknownName]:
    """The names of stages and of what stages call that settings change and nothing has.

    Another program may run them, with the same ``lineal.toml``: only a name that resembles one
    there is is surely wrong.

    Args:
        stages: those of this process, beside the installed ones.
        earlier: the names of stages that have run on the store.
    """
    known = [*installed_stages().values(), *stages]
    names = {stage.name for stage in known} | set(earlier)
    skipped = {item.name for item in skipped_stages()}
    sections = names | {stage.section for stage in known if stage.section} | skipped
    called = {
        item.name if isinstance(item, Dependency) else item
        for stage in known
        for item in stage.calls
    }
    return [*_unknown_settings(settings, known)] + [
        UnknownName(f"{section}.{name}", what, nearest[0] if nearest else None)
        for section, what, given, there in (
            ("retry.delays", "stage", settings.retry.delays, names | skipped),
            ("stages", "stage", settings.stages, sections),
            ("dependencies", "dependency of a stage", settings.dependencies, called),
        )
        for name in given
        if name not in there
        for nearest in [difflib.get_close_matches(name, there, n=1, cutoff=_CUTOFF)]
    ]


def _unknown_settings(settings: Settings, stages: Sequence[Stage]) -> Iterator[UnknownName]:
    """Those in the sections of stages that may run elsewhere; what else is wrong with these is
    said where they run."""
    for stage in {section_of(stage): stage for stage in stages}.values():
        if section_of(stage) not in settings.stages:
            continue
        try:
            read_config(stage, settings.stages)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                if problem["type"] == "extra_forbidden":
                    place = problem["loc"]
                    setting = ".".join(map(str, ("stages", section_of(stage), *place)))
                    yield UnknownName(setting, "setting", nearest_setting(place, stage.config))


def known_stages(connection: Connection) -> set[str]:
    """The names of stages that have run on a store."""
    return {name for (name,) in connection.execute("SELECT DISTINCT stage FROM builds").fetchall()}
