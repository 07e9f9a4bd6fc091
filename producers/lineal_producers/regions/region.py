"""Opens regions: each is an installation with a bus, a store and objects of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lineal.errors import BusUnavailable
from lineal.lineage.rebuild import make_missing
from lineal.runtime import Runtime, open_runtime
from lineal.settings import LogSettings, Settings
from lineal.store.store_secret import store_secret
from lineal_producers.regions.settings import RegionSettings, UnknownRegion

_IDENTITY = "installation id"


@dataclass(frozen=True, slots=True)
class Region:
    """A region that is open."""

    name: str
    runtime: Runtime
    installation: str
    """The same however its folder is called, and wherever it is opened from."""


def settings_of_region(settings: Settings, name: str) -> Settings:
    """The settings that a region is opened with.

    Raises:
        UnknownRegion: none is called so.
    """
    regions = settings.section(RegionSettings)
    if name == regions.here:
        return settings
    if name not in regions.buses:
        there = ", ".join(regions.names)
        raise UnknownRegion(f"no region is called {name!r}; there are {there}")
    where = regions.buses[name]
    return settings.model_copy(
        update={
            "data": where.data,
            "bus": where.bus,
            "store": where.store,
            "objects": where.objects,
            "mark_secrets": where.mark_secrets,
            "kafka": where.kafka,
            # Its own daemons have the key, and sign what is brought as well.
            "log": LogSettings(enabled=False),
        }
    )


@asynccontextmanager
async def open_region(
    settings: Settings, name: str, here: Runtime | None = None
) -> AsyncIterator[Region]:
    """Open a region by its name.

    Args:
        here: this installation, where it is open already.

    Raises:
        UnknownRegion: none is called so.
        BusUnavailable, StoreUnavailable: it is away.
    """
    own = name == settings.section(RegionSettings).here
    if own and here is not None:
        yield await _region(name, here)
        return
    where = settings_of_region(settings, name)
    if not own and where.store == "sqlite:" and not (where.data / "lineal.db").is_file():
        raise BusUnavailable(
            f"region {name} is away: there is no data in {where.data} (start its daemon there once)"
        )
    async with open_runtime(where) as runtime:
        yield await _region(name, runtime)


async def _region(name: str, runtime: Runtime) -> Region:
    # A store that an earlier lineal has made lacks the table.
    await runtime.store.write(make_missing)
    secret = await store_secret(runtime.store, _IDENTITY)
    return Region(name, runtime, secret.hex()[:16])
