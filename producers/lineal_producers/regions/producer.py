"""Links as a producer: one process runs each link, others are on standby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineal.producers import Producer
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.process_lock import ProcessLock
from lineal_producers.regions.link import Link, link_group
from lineal_producers.regions.settings import RegionSettings, UnknownRegion

if TYPE_CHECKING:
    from lineal.runtime import Runtime


class LinkProducer(ExclusiveWatches):
    """Runs links of the settings.

    Args:
        names: which; all unless given.

    Raises:
        UnknownRegion: the settings name no such link.
    """

    def __init__(self, runtime: Runtime, names: Sequence[str] = ()) -> None:
        chosen = names or sorted(runtime.settings.section(RegionSettings).links)
        if not chosen:
            raise UnknownRegion(
                "no link is set: name one under [regions.links.NAME] in lineal.toml "
                "(docs/regions.md)"
            )
        super().__init__([link_watch(runtime, name) for name in chosen])


def link_watch(runtime: Runtime, name: str) -> ExclusiveWatch:
    """A link that works while no other process on this data folder runs it."""
    lock = ProcessLock(runtime.settings.data / f"{link_group(name)}.lock")
    return ExclusiveWatch("link", Link(runtime, name), lock)


LINKS = Producer(
    "links",
    "the links between regions",
    LinkProducer,
    lambda settings: bool(settings.section(RegionSettings).links),
)
