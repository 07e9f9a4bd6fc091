"""A data folder with documents that hold unusual words, and a search for them in every file."""

from __future__ import annotations

import asyncio
import gzip
import io
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from lineal import Context, Reject, stage
from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import RetrySettings, Settings
from lineal.stages import Stage
from lineal_consumers.index.stage import index
from lineal_consumers.register.stage import register
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_schemas.documents import DocumentAnalyzed, DocumentArrived, DocumentRegistered
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id
from lineal_schemas.results import Analysis, DocumentClass, Engine, Page, TextResult
from lineal_schemas.salt import new_salt

WORDS = (
    "Quizzaciously", "Flabbergastine", "Wuthermost", "Xylocarpine", "Zenzizenzic", "Borborygmus",
)  # fmt: skip
"""In the text, the name, the owner, an attachment, a dead letter, and an attached name."""
LARGE = 200_000


@stage("reading", version="1", produces=DocumentAnalyzed)
async def reading(document: DocumentRegistered, ctx: Context) -> DocumentAnalyzed:
    text = (await ctx.objects.get(document.content)).decode()
    if text.startswith("BROKEN"):
        raise ValueError(f"no reader for this: {text}")
    if text.startswith("REFUSED"):
        raise Reject("the file is encrypted")
    result = TextResult(
        engines=(Engine(name="reading", version="1"),), text=text,
        pages=(Page(number=1, source="parse", begin=0, end=len(text), width=0, height=0),),
    )  # fmt: skip
    analysis = Analysis(
        language="en", language_confidence=1.0, key_phrases=(), entities=(),
        document_class=DocumentClass(name="letter", confidence=0.9),
    )  # fmt: skip
    put = ctx.objects.put
    ctx.annotate(pages=1)
    return DocumentAnalyzed(
        document_id=document.document_id,
        text=await put(text.encode(), "text/plain;charset=utf-8", role="text"),
        result=await put(result.to_gzip(), "application/gzip", role="result"),
        analysis=await put(analysis.to_gzip(), "application/gzip", role="analysis"),
        language="en", document_class="letter", class_confidence=0.9, personal_data=False,
    )  # fmt: skip


@stage("remembering", version="1", produces=(), memo=False)
async def remembering(document: DocumentRegistered, ctx: Context) -> None:
    await ctx.state.put(f"name/{document.document_id}", document.name.encode())


STAGES: list[Any] = [register, reading, remembering, index]


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(
        data=folder, durability="normal", workers=1, retry=RetrySettings(attempts=1), **given
    )


async def arrive(
    runtime: Runtime, name: str, data: bytes, *, owner: str | None = None,
    parent: str | None = None, occurrence: str = "1",
) -> str:  # fmt: skip
    """Publish the arrival of a file, as a producer does; returns the document's id."""
    content = await store(runtime, io.BytesIO(data))
    source = ArrivalSource(
        name=name, source=f"file:///nowhere/{name}", actor="process:test", occurrence=occurrence,
        owner=owner, labels={"about": name},
    )  # fmt: skip
    if parent is None:
        return (await announce(runtime, source, content=content)).document_id
    payload = DocumentArrived(
        name=name, source=f"document:{parent}/1", parent=parent, content=content, salt=new_salt()
    )
    identifier = arrival_id(payload.source, content.sha256, occurrence)
    event = first_event(payload, id=identifier, source=payload.source)
    await runtime.committer.publish([(payload.type, event)])
    return payload.document_id


async def handle_all(runtime: Runtime, stages: Sequence[Stage] = STAGES) -> None:
    """Let the stages handle what is there."""
    daemon = Daemon(runtime, stages)
    await daemon.start()
    while sum(group.lag for topic in await runtime.bus.topics() for group in topic.groups):
        await asyncio.sleep(0.02)
    await daemon.stop()


async def fill(folder: Path, **given: Any) -> dict[str, str]:
    """Documents that hold :data:`WORDS`, and others; returns their ids by what they are."""
    text, name, owner, attached, letter, attached_name = WORDS
    async with open_runtime(settings(folder, **given)) as runtime:
        ids = {
            "other": await arrive(runtime, "other.txt", b"About bearings.", owner="ada"),
            "letter": await arrive(
                runtime, f"{name}.txt", f"A letter about {text}, and bearings.".encode(),
                owner=owner,
            ),
            "large": await arrive(
                runtime, f"large {name}.txt", f"{text} turns. ".encode() * (LARGE // 20),
                owner=owner,
            ),
            "broken": await arrive(
                runtime, f"broken {name}.txt", f"BROKEN {letter}".encode(), owner=owner
            ),
        }  # fmt: skip
        ids["attached"] = await arrive(
            runtime, f"{attached_name}.txt", f"Attached: {attached}".encode(), parent=ids["letter"]
        )
        for number in range(20):
            await arrive(runtime, f"more {number}.txt", f"More about gears, {number}.".encode())
        await handle_all(runtime)
    return ids


def words_found(folder: Path, words: Iterable[str]) -> set[str]:
    """What is found of words in the files of a folder, and where: as UTF-8 and UTF-16, in either
    case, and in what is compressed."""
    found = set()
    for name, data in _contents(folder):
        lower = data.lower()
        for word in words:
            small = word.lower()
            codings = ("utf-8", "utf-16-le", "utf-16-be")
            if any(small.encode(coding) in lower for coding in codings):
                found.add(f"{word} in {name}")
    return found


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        yield str(file.relative_to(folder)), data
        yield from _decompressed(str(file), data)
    with closing(sqlite3.connect(folder / "lineal.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            if table.startswith("sqlite_"):
                continue
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    if isinstance(value, bytes):
                        yield from _decompressed(table, value)
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _decompressed(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        if data[:2] == b"\x1f\x8b":
            yield f"{name}, gzip", gzip.decompress(data)
        elif data[:1] == b"\x78":
            yield f"{name}, zlib", zlib.decompress(data)
    except (OSError, EOFError, zlib.error):
        pass
