"""Makes ``released-9.tar.xz``: a data folder that the lineal of commit 9e69ec2 left (schema 9).

Run by that lineal, not by this one::

    git worktree add /tmp/released 9e69ec2
    cd /tmp/released && pip install --no-deps --target /tmp/site . ./schemas ./scoring
    PYTHONPATH=/tmp/site python .../tests/store/migrations/make_released_data.py released-9.tar.xz
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sqlite3
import sys
import tarfile
import tempfile
from pathlib import Path

from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import RetrySettings, Settings
from lineal.stages.discovery import installed_stages
from lineal.store.objects import reference
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id

FILES = {
    "letter.txt": b"Dear wind farm owner,\na turbine has stopped.\x0cSecond page about gearboxes.",
    "table.csv": b"part,price\nbearing,12.50\ngearbox,990.00\n",
    "page.html": b"<h1>Maintenance</h1><p>The blades were cleaned on 3 May 2026.</p>",
    "broken.pdf": b"%PDF-1.7\nnothing that a reader can use",
}
STAGES = ("register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "index")


async def fill(folder: Path) -> None:
    settings = Settings(data=folder, workers=1, retry=RetrySettings(attempts=1))
    stages = installed_stages()
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, [stages[name] for name in STAGES])
        await daemon.start()
        for name, content in FILES.items():
            await arrive(runtime, name, content, "ada")
        await arrive(runtime, "letter again.txt", FILES["letter.txt"], "bert")
        while sum(group.lag for topic in await runtime.bus.topics() for group in topic.groups):
            await asyncio.sleep(0.05)
        await daemon.stop()


async def arrive(runtime: Runtime, name: str, content: bytes, owner: str) -> None:
    stored = await runtime.objects.put_file(io.BytesIO(content))
    source = f"file:///inbox/{name}"
    payload = DocumentArrived(
        name=name,
        source=source,
        owner=owner,
        labels={"year": "2026"},
        content=reference(stored.sha256, stored.bytes, "application/octet-stream"),
    )
    event = first_event(payload, id=arrival_id(source, stored.sha256, "1"), source="lineal:inbox")
    await runtime.bus.publish([(payload.type, event)])


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        asyncio.run(fill(folder))
        with contextlib.closing(sqlite3.connect(folder / "lineal.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
        with tarfile.open(target, "w:xz") as archive:
            for name in ("lineal.db", "objects"):
                archive.add(folder / name, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
