"""Whoever extends the log may be killed at any moment."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

from lineal.proof.log_tables import is_behind
from lineal.store.database import Database
from tests.cli.processes import running
from tests.proof.ledgers import append, sign
from tests.proof.verifying import verify


async def test_a_signer_that_is_killed_leaves_a_log_that_verifies(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    chance = random.Random(15)
    made = 0
    for _ in range(4):
        with running(tmp_path, "log", "follow", "--data", str(folder)) as signing:
            await asyncio.to_thread(signing.line, lambda line: "ready" in line)
            database = Database(folder, durability="normal")
            database.open()
            for _ in range(chance.randrange(3, 30)):
                await append(database, made, 100)
                made += 100
            signing.stop(signal.SIGKILL)
            await database.close()
    database = Database(folder, durability="normal")
    database.open()
    # What the dead one held is free after its lease.
    while await database.read(is_behind):
        await database.write(lambda c: c.execute("UPDATE ledger_log SET lease_until = 0").rowcount)
        await sign(database, folder)
    await database.close()
    verified = verify(folder)
    assert verified.findings == ()
    assert verified.results["holds"] == made
