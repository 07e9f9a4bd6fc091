"""What is dropped into a watched folder arrives once, whole, and however odd it is."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from lineal.runtime import Runtime
from lineal_producers.folder import ingest
from lineal_producers.folder.settings import FolderSettings
from lineal_producers.folder.watch import FolderWatch, InboxIsData
from lineal_producers.regular_files import Unreadable, open_regular
from tests.producers.arrivals import arrived, content, names, until, until_named

Watching = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


@pytest.fixture
def watching(runtime: Runtime, inbox: Path) -> Watching:
    @asynccontextmanager
    async def run() -> AsyncIterator[None]:
        watch = FolderWatch(runtime, inbox, stable_seconds=0.05, scan_seconds=0.2)
        task = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended

    return run


async def test_files_there_before_and_dropped_later_in_sub_folders_too(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    (inbox / "old" / "deep").mkdir(parents=True)
    (inbox / "old" / "deep" / "a.txt").write_text("a")
    async with watching():
        await until_named(runtime, "a.txt")
        (inbox / "new").mkdir()
        (inbox / "new" / "b.txt").write_text("b")
        (inbox / "c.txt").write_text("c")
        await until_named(runtime, "a.txt", "b.txt", "c.txt")
    by_name = {arrival.name: arrival for arrival in await arrived(runtime)}
    assert await content(runtime, by_name["b.txt"]) == b"b"
    assert by_name["b.txt"].data.source == (inbox / "new" / "b.txt").resolve().as_uri()


async def test_a_file_is_taken_whole_after_its_writer_is_done(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    async with watching():
        inbox.mkdir(exist_ok=True)
        with (inbox / "slow.txt").open("wb") as writing:
            writing.write(b"first half, ")
            writing.flush()
            for number in range(3):
                (inbox / f"other{number}.txt").write_text(str(number))
                await until_named(runtime, *(f"other{n}.txt" for n in range(number + 1)))
            writing.write(b"second half")
        await until_named(runtime, "other0.txt", "other1.txt", "other2.txt", "slow.txt")
    slow = next(arrival for arrival in await arrived(runtime) if arrival.name == "slow.txt")
    assert await content(runtime, slow) == b"first half, second half"


async def test_a_file_larger_than_the_limit_is_a_rejected_document(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    runtime.settings = runtime.settings.with_section(FolderSettings(inbox_file_mb=1))
    (inbox / "small.txt").write_text("a")
    with (inbox / "large.bin").open("wb") as file:
        file.truncate((1 << 20) + 1)
    async with watching():
        await until_named(runtime, "small.txt", "large.bin")
    large = next(item for item in await arrived(runtime) if item.name == "large.bin")
    assert large.data.content is None
    assert "inbox_file_mb" in (large.data.problem or "")


async def test_without_leases_a_file_must_be_seen_unchanged(
    runtime: Runtime, inbox: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "writers_of", lambda descriptor: "unknown")
    async with watching():
        (inbox / "a.txt").write_text("a")
        await until_named(runtime, "a.txt")


async def test_renamed_and_moved_files_are_not_read_again(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    async with watching():
        (inbox / "a.txt").write_text("a")
        await until_named(runtime, "a.txt")
        (inbox / "a.txt").rename(inbox / "b.txt")
        (inbox / "sub").mkdir()
        (inbox / "b.txt").rename(inbox / "sub" / "c.txt")
        (inbox / "last.txt").write_text("last")
        await until_named(runtime, "a.txt", "last.txt")
    (inbox / "sub" / "c.txt").rename(inbox / "while-down.txt")
    async with watching():
        (inbox / "very-last.txt").write_text("very last")
        await until_named(runtime, "a.txt", "last.txt", "very-last.txt")


async def test_a_restart_reads_nothing_again(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    (inbox / "a.txt").write_text("a")
    (inbox / "link").symlink_to("/etc/hostname")
    async with watching():
        await until_named(runtime, "a.txt", "link")
    async with watching():
        (inbox / "b.txt").write_text("b")
        await until_named(runtime, "a.txt", "link", "b.txt")


async def test_changed_content_arrives_again_and_equal_content_is_the_same_document(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    async with watching():
        (inbox / "a.txt").write_text("one")
        await until_named(runtime, "a.txt")
        (inbox / "a.txt").write_text("three")
        await until_named(runtime, "a.txt", "a.txt")
        (inbox / "b.txt").write_text("one")
        await until_named(runtime, "a.txt", "a.txt", "b.txt")
    by_name: dict[str, set[str]] = {}
    for arrival in await arrived(runtime):
        by_name.setdefault(arrival.name, set()).add(arrival.data.document_id)
    assert len(by_name["a.txt"]) == 2
    assert by_name["b.txt"] < by_name["a.txt"]


def _forget_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM watched_files")


async def test_a_crash_between_event_and_note_repeats_the_same_arrival(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    (inbox / "a.txt").write_text("a")
    async with watching():
        await until_named(runtime, "a.txt")
    await runtime.database.write(_forget_all)
    async with watching():
        await until_named(runtime, "a.txt", "a.txt")
    first, second = await arrived(runtime)
    assert first.event_id == second.event_id


async def test_hidden_and_unfinished_files_wait_for_their_real_name(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    (inbox / ".cache").mkdir(parents=True)
    (inbox / ".cache" / "x.txt").write_text("x")
    async with watching():
        (inbox / "a.pdf.part").write_text("a")
        (inbox / "b.txt").write_text("b")
        await until_named(runtime, "b.txt")
        (inbox / "a.pdf.part").rename(inbox / "a.pdf")
        await until_named(runtime, "a.pdf", "b.txt")


async def test_what_cannot_be_read_is_announced_with_the_reason(
    runtime: Runtime, inbox: Path, watching: Watching, tmp_path: Path
) -> None:
    inbox.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (inbox / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inbox / "folder").symlink_to(tmp_path)
    os.mkfifo(inbox / "fifo")
    async with watching():
        await until_named(runtime, "fifo", "folder", "out.txt")
    problems = {arrival.name: arrival.data.problem for arrival in await arrived(runtime)}
    assert "leads out" in str(problems["out.txt"])
    assert "regular" in str(problems["fifo"])
    assert all(arrival.data.content is None for arrival in await arrived(runtime))


async def test_a_file_whose_rights_are_put_right_is_tried_again(
    runtime: Runtime, inbox: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.mkdir()
    path = inbox / "a.txt"
    path.write_text("a")
    path.chmod(0o000)

    def strict(path: Path, **limits: Any) -> Any:  # as it is for anybody but root
        if not path.stat().st_mode & 0o400:
            raise Unreadable("permission denied")
        return open_regular(path, **limits)

    monkeypatch.setattr(ingest, "open_regular", strict)
    async with watching():
        await until_named(runtime, "a.txt")
        path.chmod(0o600)
        await until_named(runtime, "a.txt", "a.txt")
    rejected, seen_files = await arrived(runtime)
    assert rejected.data.problem == "permission denied"
    assert await content(runtime, seen_files) == b"a"


async def test_a_file_deleted_before_it_is_read_is_recorded_and_a_renamed_one_is_not(
    runtime: Runtime, inbox: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.mkdir()
    deleted: list[Path] = []

    def deleting(path: Path, **limits: Any) -> Any:
        if path.name == "gone.txt" and not deleted:
            deleted.append(path)
            path.unlink()
        if path.name == "before.txt":
            path.rename(path.with_name("after.txt"))
        return open_regular(path, **limits)

    monkeypatch.setattr(ingest, "open_regular", deleting)
    (inbox / "gone.txt").write_text("a")
    (inbox / "before.txt").write_text("b")
    async with watching():
        await until_named(runtime, "after.txt", "gone.txt")
    problems = {arrival.name: arrival.data.problem for arrival in await arrived(runtime)}
    assert problems["after.txt"] is None
    assert "gone" in str(problems["gone.txt"])


@pytest.mark.parametrize(
    "name", [b"two words.txt", b"two\nlines.txt", b"a..b.txt", b"caf\xe9.txt", b"-rf", b"[red]"]
)
async def test_odd_names_are_names_like_others(
    runtime: Runtime, inbox: Path, watching: Watching, name: bytes
) -> None:
    async with watching():
        (inbox / os.fsdecode(name)).write_text("content")

        async def there() -> bool:
            return bool(await arrived(runtime))

        await until(there)
    (arrival,) = await arrived(runtime)
    assert await content(runtime, arrival) == b"content"
    path = unquote_to_bytes(urlsplit(arrival.data.source).path)
    assert os.path.basename(path) == name  # noqa: PTH119 - bytes


async def test_a_full_disk_is_waited_out(
    runtime: Runtime, inbox: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.mkdir()
    (inbox / "a.txt").write_text("a")
    original = runtime.objects.put_file
    rejected: list[Any] = []

    async def full_once(source: Any) -> Any:
        if not rejected:
            rejected.append(source)
            raise OSError(errno.ENOSPC, "No space left on device")
        return await original(source)

    monkeypatch.setattr(runtime.objects, "put_file", full_once)
    async with watching():
        await until_named(runtime, "a.txt")
    (arrival,) = await arrived(runtime)
    assert rejected
    assert await content(runtime, arrival) == b"a"
    assert (inbox / "a.txt").read_text() == "a"


async def test_many_files_at_once_all_arrive(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    inbox.mkdir()
    wanted = [f"{number}.txt" for number in range(300)]
    async with watching():
        for name in wanted:
            (inbox / name).write_text(name)
        await until_named(runtime, *wanted)


async def test_a_folder_that_is_taken_away_is_watched_again_when_it_is_back(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    async with watching():
        (inbox / "a.txt").write_text("a")
        await until_named(runtime, "a.txt")
        inbox.rename(inbox.with_name("away"))
        inbox.mkdir()
        (inbox / "b.txt").write_text("b")
        await until_named(runtime, "a.txt", "b.txt")


async def test_lineals_own_files_are_left_alone(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(InboxIsData):
        FolderWatch(runtime, tmp_path / "data")
    watch = FolderWatch(runtime, tmp_path, stable_seconds=0.05, scan_seconds=0.1)
    task = asyncio.create_task(watch.run())
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("x" * number)
        await until_named(runtime, *(f"{n}.txt" for n in range(number + 1)))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(await names(runtime)) == 3


async def test_a_scan_that_is_closed_and_reopened_is_one_document(
    runtime: Runtime, inbox: Path, watching: Watching
) -> None:
    """Between its parts other files come and are taken, so time enough passes for it to be too."""
    pieces = [b"%PDF-1.4\n", b"1 0 obj\n", b"endobj\n", b"startxref\n9\n%%EOF\n"]
    others: list[str] = []
    async with watching():
        inbox.mkdir(exist_ok=True)
        for number, piece in enumerate(pieces):
            with (inbox / "scan.pdf").open("ab") as scanner:
                scanner.write(piece)
            if number == len(pieces) - 1:
                break
            others.append(f"other{number}.txt")
            (inbox / others[-1]).write_text(str(number))
            await until_named(runtime, *others)
        await until_named(runtime, *others, "scan.pdf")
    scan = next(arrival for arrival in await arrived(runtime) if arrival.name == "scan.pdf")
    assert await content(runtime, scan) == b"".join(pieces)


async def test_a_file_without_an_end_is_taken_in_the_end(runtime: Runtime, inbox: Path) -> None:
    inbox.mkdir()
    (inbox / "empty.txt").touch()
    (inbox / "cut.pdf").write_bytes(b"%PDF-1.4\n")
    watch = FolderWatch(
        runtime, inbox, stable_seconds=0.05, unfinished_seconds=0.3, scan_seconds=0.2
    )
    task = asyncio.create_task(watch.run())
    await until_named(runtime, "empty.txt", "cut.pdf")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
