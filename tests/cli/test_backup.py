"""Backups that are made while daemons work, and what is restored of them and goes on from there."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from lineal.backup.backup import make_backup
from lineal.backup.manifest import MalformedBackup, read_manifest
from lineal.backup.restore import restored_folder
from lineal.daemon import Daemon
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.blobs import FileBlobs
from lineal_consumers.index.stage import index
from lineal_consumers.register.stage import register
from tests.cli.broken_projection import leaves_out_registered
from tests.cli.conftest import FILES, Lineal, arrive
from tests.proof.verifying import tampering


@pytest.fixture
def made(lineal: Lineal, data: Path, tmp_path: Path) -> Path:
    target = tmp_path / "backup"
    answer = lineal("backup", target, "--data", data)
    assert answer.code == 0, answer.err
    return target


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_is_restored_is_what_was_there(
    lineal: Lineal, data: Path, made: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    assert lineal("backup", "verify", made).code == 0
    assert lineal("restore", made, "--data", new).code == 0
    for asked in (
        ("documents", "--json"),
        ("search", "gearboxes", "--json"),
        ("lineage", "letter.txt", "--json"),
        ("show", "letter.txt", "--as", "original"),
        ("dead", "list", "--json"),
    ):
        assert lineal(*asked, "--data", new).out == lineal(*asked, "--data", data).out, asked
    key = lineal("log", "key", "--data", data).text.strip()
    assert lineal("verify", "--data", new, "--key", key).code == 0
    assert lineal("restore", made, "--data", new).code == 1
    assert lineal("restore", made, "--data", data).code == 1
    assert new.stat().st_mode & 0o77 == (new / "lineal.db").stat().st_mode & 0o77 == 0


def test_keys_are_in_it_only_if_asked_for(
    lineal: Lineal, data: Path, made: Path, tmp_path: Path
) -> None:
    secret = (data / "log.key").read_bytes().splitlines()[2]
    assert not any(secret in content for content in files(made).values())
    restored = lineal("restore", made, "--data", tmp_path / "without")
    assert "log.key" in restored.text
    assert lineal("backup", made, "--with-keys", "--data", data).code == 0
    assert lineal("restore", made, "--data", tmp_path / "with").code == 0
    assert (tmp_path / "with" / "log.key").read_bytes() == (data / "log.key").read_bytes()
    assert (tmp_path / "with" / "log.key").stat().st_mode & 0o77 == 0
    assert lineal("verify", "--data", tmp_path / "with").code == 0
    assert lineal("backup", made, "--data", data).code == 0
    assert not any(secret in content for content in files(made).values())


def test_a_second_backup_copies_what_is_new(
    lineal: Lineal, data: Path, made: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_ino for path in (made / "objects").rglob("*") if path.is_file()}
    more = tmp_path / "more.txt"
    more.write_text("More of it.")
    assert lineal("put", more, "--data", data).code == 0
    first = read_manifest(made)
    assert lineal("backup", made, "--data", data).code == 0
    after = {path: path.stat().st_ino for path in (made / "objects").rglob("*") if path.is_file()}
    assert before.items() < after.items()
    second = read_manifest(made)
    assert second.made > first.made
    assert sorted(path.name for path in made.glob("database-*")) == [second.database.file]
    assert lineal("backup", "verify", made).code == 0


def test_an_object_that_was_erased_is_gone_from_the_next_backup(
    lineal: Lineal, data: Path, made: Path
) -> None:
    assert any(b"bearings" in content for content in files(made).values())
    erased = lineal("erase", "note.txt", "--reason", "asked for", "--yes", "--data", data)
    assert erased.code == 0, erased.err
    assert lineal("backup", made, "--data", data).code == 0
    assert not any(b"bearings" in content for content in files(made).values())
    assert lineal("backup", "verify", made).code == 0


@pytest.mark.parametrize("number", range(12))
def test_a_changed_backup_is_refused(
    lineal: Lineal, made: Path, tmp_path: Path, number: int
) -> None:
    random = Random(number)
    chosen = random.choice([path for path in sorted(made.rglob("*")) if path.is_file()])
    content = chosen.read_bytes()
    chosen.chmod(0o600)
    if number % 3 == 0:
        chosen.unlink()
    else:
        at = random.randrange(len(content))
        chosen.write_bytes(content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :])
    if chosen.parent.name == "checkpoints" and number % 3 == 0 and chosen.name != "checkpoint":
        return  # older checkpoints are removed as time goes on
    assert lineal("backup", "verify", made).code == 1, chosen
    assert lineal("restore", made, "--data", tmp_path / "new").code == 1, chosen
    assert not (tmp_path / "new").exists()


def test_a_backup_of_something_else_is_not_written_over(
    lineal: Lineal, data: Path, made: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    assert lineal("put", __file__, "--data", other).code == 0
    refused = lineal("backup", made, "--data", other)
    assert refused.code == 1 and "other data" in refused.err
    assert lineal("backup", "verify", made).code == 0
    refused = lineal("backup", data / "objects", "--data", data)
    assert refused.code == 1 and "something else" in refused.err
    with pytest.raises(MalformedBackup):
        read_manifest(tmp_path)


def test_a_ledger_that_was_edited_after_all_is_found_in_the_backup(
    lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    with tampering(data) as connection:
        connection.execute("UPDATE registry SET name = 'forged.txt'")
    target = tmp_path / "backup"
    assert lineal("backup", target, "--data", data).code == 0
    answer = lineal("backup", "verify", target)
    assert answer.code == 1 and "registry: the row of" in answer.text


def test_a_restore_that_fails_leaves_nothing_and_can_be_repeated(
    lineal: Lineal, made: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    nowhere = "s3://lineal?endpoint=nowhere&region=eu-central-1"
    failed = lineal("restore", made, "--data", new, LINEAL_OBJECTS=nowhere)
    assert failed.code == 1 and "nowhere" in failed.err, failed.err
    assert list(tmp_path.glob("*new*")) == [] == list(tmp_path.glob(".*new*"))
    assert lineal("restore", made, "--data", new).code == 0


def test_restored_from_a_backup_under_load(
    lineal: Lineal, data: Path, site: Path, tmp_path: Path
) -> None:
    """A daemon works while the backup is made. What it had is handled once, and nothing is lost."""
    target, new = tmp_path / "backup", tmp_path / "new"
    stages = [register, import_module("reading_stage").reading, index]
    asyncio.run(_back_up_under_load(data, target, stages))
    answer = lineal("backup", "verify", target, "--json")
    assert answer.code == 0, answer.text
    with restored_folder(target, read_manifest(target), new):
        pass
    shutil.copy(data / "log.key", new / "log.key")
    assert lineal("verify", "--data", new).code == 0
    arrived, indexed = asyncio.run(_go_on(new, stages))
    assert len(arrived) > len(FILES)
    # Of the first files one is refused and one broken; one arrived twice.
    assert len(indexed) == len(set(arrived)) - 2
    assert set(indexed.values()) == {1}
    assert lineal("verify", "--data", new).code == 0
    assert lineal("rebuild", "--data", new).code == 0
    assert lineal("verify", "--data", new).code == 0


def _settings(folder: Path) -> Settings:
    return Settings(data=folder, durability="normal", workers=1)


async def _back_up_under_load(data: Path, target: Path, stages: list[object]) -> None:
    settings = _settings(data)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, stages)  # type: ignore[arg-type]
        await daemon.start()
        arriving = asyncio.create_task(_arrive_for_ever(runtime))
        while not await _count(runtime, "document.indexed") > 10:
            await asyncio.sleep(0.01)
        objects = FileBlobs(data, data / "run", "reader")
        for _ in range(2):
            await asyncio.to_thread(make_backup, settings, objects, target)
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
        await daemon.stop()


async def _arrive_for_ever(runtime: Runtime) -> None:
    number = 0
    while True:
        await arrive(runtime, f"{number}.txt", f"Turbine number {number}.".encode())
        number += 1


async def _go_on(data: Path, stages: list[object]) -> tuple[list[str], Counter[str]]:
    """Let a daemon finish what the backup had; the documents that arrived, and how often each was
    indexed."""
    async with open_runtime(_settings(data)) as runtime:
        daemon = Daemon(runtime, stages)  # type: ignore[arg-type]
        await daemon.start()
        while sum(g.lag for topic in await runtime.bus.topics() for g in topic.groups):
            await asyncio.sleep(0.02)
        await daemon.stop()
        arrived = [item.event.data async for item in runtime.bus.read("document.arrived")]
        contents = [data.split(b'"sha256":"')[1][:64].decode() for data in arrived]
        done = [item.event.correlationid async for item in runtime.bus.read("document.indexed")]
        return contents, Counter(done)


async def _count(runtime: Runtime, topic: str) -> int:
    return sum(info.events for info in await runtime.bus.topics() if info.topic == topic)


def test_a_backup_says_which_steps_a_projection_leaves_out(
    lineal: Lineal, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `lineal verify` says it of a data folder: the tables lack what the records say."""
    new = tmp_path / "new"
    with monkeypatch.context() as patched:
        leaves_out_registered(patched)
        verified = lineal("backup", "verify", made)
        assert verified.code == 1 and "has left out" in verified.text
        refused = lineal("restore", made, "--data", new)
        assert refused.code == 1 and "has left out" in refused.err and not new.exists()
    assert lineal("backup", "verify", made).code == 0, "its package is mended"
    assert lineal("restore", made, "--data", new).code == 0
