"""A process that appends: ``python -m tests.store.postgres.appending URL NAME COUNT``."""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Build, Record
from lineal.store.postgres.store import PostgresStore
from tests.lineage.records import one_step


def record(name: str, number: int) -> Record:
    build = Build("stage", "1", "c" * 64, "f" * 64)
    events_in = [f"{name} {number}"]
    return one_step(
        f"document:{number % 7}", build, started=number, worker=name, events_in=events_in
    )


async def main() -> None:
    url, name, count = sys.argv[1:]
    store = PostgresStore(url)
    await store.open()
    ledger = Ledger()
    numbers = list(range(int(count)))
    for begin in range(0, len(numbers), 40):  # forty callers at a time, some of them in one batch
        await asyncio.gather(
            *(
                store.write(partial(ledger.append, records=[record(name, number)]))
                for number in numbers[begin : begin + 40]
            )
        )
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
