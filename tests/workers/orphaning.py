"""A process whose workers never end their tasks: ``python -m tests.workers.orphaning DIR``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lineal.workers.pool import WorkerPool
from tests.workers.tasks import hang


async def main() -> None:
    pool = WorkerPool(2)
    pool.start()
    folder = Path(sys.argv[1])
    await asyncio.gather(*(pool.run(hang, str(folder / f"{n}")) for n in range(2)))


if __name__ == "__main__":
    asyncio.run(main())
