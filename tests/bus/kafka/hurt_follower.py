"""A member of the ledger's group that is killed at a moment of its work.

``python -m tests.bus.kafka.hurt_follower WHEN SETTINGS``: WHEN is ``fetched`` (nothing is in the
store), ``writing`` (in the store's transaction), or ``written`` (the group's position has not
moved).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any, NoReturn

import psutil

from lineal.lineage import follower, follower_process, topic
from lineal.lineage.follower import LedgerFollower
from lineal.lineage.topic import Applied
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.connection import Connection, StoreOpener


def die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def apply_and_die(opener: StoreOpener, *given: Any) -> Applied:
    """In the process that writes: both it and the one that it writes for are killed. It is
    forked from one between them."""

    def dying(connection: Connection, *given: Any) -> NoReturn:
        topic.apply_messages(connection, *given)
        os.kill(psutil.Process(os.getppid()).ppid(), signal.SIGKILL)
        die()

    vars(follower_process)["apply_messages"] = dying
    return follower_process.apply_in_process(opener, *given)


async def main(when: str, settings: Settings) -> None:
    if when == "fetched":
        LedgerFollower._apply = die  # type: ignore[method-assign, assignment]
    elif when == "writing":
        vars(follower)["apply_in_process"] = apply_and_die
    else:
        vars(follower)["_report"] = die
    async with open_runtime(settings) as runtime:
        member: Any = LedgerFollower(runtime.bus, runtime.store, runtime.marks)
        await member.open()
        await asyncio.sleep(60)


if __name__ == "__main__":
    # Found again by its name in the process that writes.
    from tests.bus.kafka.hurt_follower import main as named

    asyncio.run(named(sys.argv[1], Settings.model_validate_json(sys.argv[2])))
