"""A program that runs the stage until killed: ``python -m tests.windows.worker ORDER``."""

from __future__ import annotations

import asyncio
import json
import sys

import structlog

from lineal import open_bus
from lineal.settings import Settings
from tests.windows.killed_stage import views

# Nobody empties the pipe that standard output is.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


async def main() -> None:
    order = json.loads(sys.argv[1])
    async with open_bus(Settings(**order["settings"])) as bus, bus.run(views) as running:
        print("ready", flush=True)
        await running.wait()


asyncio.run(main())
