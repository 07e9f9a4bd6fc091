"""A process that writes: ``python -m tests.store.writing DIRECTORY COUNT TOPIC``."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path

from lineal.store.database import Database


def keep(step: str, connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO memo (step, outputs) VALUES (?, ?)", (step.encode(), b""))


async def main() -> None:
    directory, count, topic = sys.argv[1:]
    database = Database(Path(directory), durability="normal")
    database.open()
    for number in range(int(count)):
        await database.write(partial(keep, f"{os.getpid()}-{number}"))
    if topic:
        await database.write(lambda connection: None, wake=[topic])
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
