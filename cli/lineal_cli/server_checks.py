"""Checks of ``lineal doctor`` that reach the configured servers; they change nothing there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator

from lineal.settings import Settings
from lineal_cli.check import Check

_SECONDS = 20.0


def check_servers(settings: Settings) -> Iterator[Check]:
    """Bus, store and large objects, where they are not in the data folder."""
    from lineal.preflight import preflight_bus, preflight_objects

    if settings.bus != "sqlite:":
        remedy = "start it, or correct LINEAL_BUS and its credentials"
        yield _reached("bus", preflight_bus(settings), remedy)
    yield from _store(settings.store)
    if settings.objects != "file:":
        remedy = "make the bucket, or correct LINEAL_OBJECTS and its credentials"
        yield _reached("large objects", preflight_objects(settings), remedy)


def _reached(name: str, preflight: Coroutine[None, None, str], remedy: str) -> Check:
    from lineal.errors import BusUnavailable, StoreUnavailable

    async def checked() -> str:
        async with asyncio.timeout(_SECONDS):
            return await preflight

    try:
        return Check(name, "fine", asyncio.run(checked()))
    except TimeoutError:
        return Check(name, "broken", f"no answer in {_SECONDS:g} s", remedy)
    except (BusUnavailable, StoreUnavailable, ValueError) as error:
        return Check(name, "broken", str(error), remedy)


def _store(url: str) -> Iterator[Check]:
    if url == "sqlite:":
        return
    from lineal.errors import IncompatibleDatabase, StoreUnavailable
    from lineal.store.connection import POSTGRES

    if not url.startswith(POSTGRES):
        yield Check("store", "broken", "no such kind", "correct `store`: a postgresql:// URL")
        return
    try:
        from lineal.errors import StoreRejected
        from lineal.store.postgres.preflight import preflight
    except ImportError as error:
        yield Check("store", "broken", str(error), "pip install 'lineal[postgres]'")
        return
    try:
        yield Check("store", "fine", preflight(url))
    except StoreUnavailable as error:
        yield Check("store", "broken", str(error), "start the server, or correct LINEAL_STORE")
    except (StoreRejected, IncompatibleDatabase) as error:
        yield Check("store", "broken", str(error), "see docs/operating.md")
