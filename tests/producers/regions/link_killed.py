"""A link, as a program that is killed when it has published so many batches, or before."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_producers.regions import link, mirror


async def main(settings: Settings, batches: int, when: str) -> None:
    """Bring events until killed."""
    link._BATCH_SIZE = 8
    publish = mirror.Mirror._publish
    seen = 0

    async def publish_and_die(self: mirror.Mirror, pending: Any) -> None:
        nonlocal seen
        seen += bool(pending.outputs)
        if seen == batches and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await publish(self, pending)
        if seen == batches:
            os.kill(os.getpid(), signal.SIGKILL)

    mirror.Mirror._publish = publish_and_die  # type: ignore[method-assign]
    async with open_runtime(settings) as runtime:
        await link.Link(runtime, "out").run_once()


if __name__ == "__main__":
    asyncio.run(main(Settings(**json.loads(sys.argv[1])), int(sys.argv[2]), sys.argv[3]))
