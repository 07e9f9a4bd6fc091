"""How far the links of the settings are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lineal.errors import Unavailable
from lineal.runtime import Runtime
from lineal_producers.regions.link import link_group, link_lag
from lineal_producers.regions.linked_events import count_linked
from lineal_producers.regions.region import open_region
from lineal_producers.regions.settings import LinkSettings, RegionSettings


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How far a link is."""

    link: str
    source: str
    target: str
    topics: tuple[str, ...]
    running: bool
    """Whether a process runs it, as far as the source's bus tells."""
    lag: int | None = None
    """Events that it has still to look at; None: the source is away."""
    brought: int | None = None
    """In the last 14 days; None: the target is away."""
    rejected: int | None = None
    problem: str | None = None


async def link_statuses(here: Runtime, names: Sequence[str] = ()) -> list[LinkStatus]:
    """How far links are; all unless named.

    Raises:
        UnknownRegion: the settings name no such link.
    """
    regions = here.settings.section(RegionSettings)
    return [
        await _status(here, name, regions.link(name)) for name in names or sorted(regions.links)
    ]


async def _status(here: Runtime, name: str, link: LinkSettings) -> LinkStatus:
    problems: list[str] = []
    lag, running = None, False
    topics: tuple[str, ...] = ()
    counts: dict[str, int] | None = None
    try:
        async with open_region(here.settings, link.source, here) as source:
            infos = await source.runtime.bus.topics()
        group = link_group(name)
        mine = [info for info in infos if link.carries(info.topic)]
        begun = [each for info in mine for each in info.groups if each.group == group]
        lag = link_lag(infos, name) if begun else sum(info.events for info in mine)
        running = any(each.works_elsewhere for each in begun)
        topics = tuple(sorted(info.topic for info in mine))
    except (Unavailable, OSError) as error:
        problems.append(str(error))
    try:
        async with open_region(here.settings, link.target, here) as target:
            await target.runtime.flush_ledger()
            counts = await target.runtime.store.read(partial(count_linked, link=name))
    except (Unavailable, OSError) as error:
        problems.append(str(error))
    return LinkStatus(
        name,
        link.source,
        link.target,
        topics,
        running,
        lag,
        None if counts is None else counts.get("brought", 0),
        None if counts is None else counts.get("rejected", 0),
        "; ".join(problems) or None,
    )
