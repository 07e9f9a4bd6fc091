"""Several folders watched at once, each with its owner and labels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_cli.options import inbox_settings, load_settings
from lineal_producers.folder.producer import InboxesOverlap, InboxProducer
from lineal_producers.folder.settings import FolderSettings
from tests.producers.arrivals import arrived, until_named


@asynccontextmanager
async def watching(tmp_path: Path, **given: Any) -> AsyncIterator[Runtime]:
    folders = FolderSettings(inbox_stable_seconds=0.05, **given)
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    settings = settings.with_section(folders)
    async with open_runtime(settings) as runtime:
        task = asyncio.create_task(InboxProducer(runtime).run())
        try:
            yield runtime
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_each_folder_gives_its_files_its_owner_and_labels(tmp_path: Path) -> None:
    inboxes = [
        {"path": tmp_path / "anna", "owner": "anna", "labels": {"kind": "invoice"}},
        {"path": tmp_path / "ben", "owner": "ben"},
    ]
    async with watching(tmp_path, inboxes=inboxes) as runtime:
        (tmp_path / "anna" / "a.txt").write_text("a")
        (tmp_path / "ben" / "b.txt").write_text("b")
        await until_named(runtime, "a.txt", "b.txt")
        found = {item.name: (item.data.owner, item.data.labels) for item in await arrived(runtime)}
    assert found == {"a.txt": ("anna", {"kind": "invoice"}), "b.txt": ("ben", {})}
    assert not (tmp_path / "inbox").exists()


async def test_a_file_moved_to_another_owners_folder_is_his_too(tmp_path: Path) -> None:
    inboxes = [{"path": tmp_path / name, "owner": name} for name in ("anna", "ben")]
    async with watching(tmp_path, inboxes=inboxes) as runtime:
        (tmp_path / "anna" / "a.txt").write_text("a")
        await until_named(runtime, "a.txt")
        (tmp_path / "anna" / "a.txt").rename(tmp_path / "ben" / "a.txt")
        await until_named(runtime, "a.txt", "a.txt")
        assert [item.data.owner for item in await arrived(runtime)] == ["anna", "ben"]


@pytest.mark.parametrize("other", ["a", "a/b", "."])
async def test_folders_in_each_other_are_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(InboxesOverlap, match="lie in each other"):
        async with watching(
            tmp_path, inboxes=[{"path": tmp_path / "a"}, {"path": tmp_path / other}]
        ):
            pass


def test_the_old_setting_and_the_option_name_folders_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def watched(*given: Path) -> list[str]:
        settings = load_settings(**inbox_settings(list(given)))
        return [str(folder.path) for folder in settings.section(FolderSettings).watched_folders]

    assert watched() == ["inbox"]
    Path("lineal.toml").write_text('inbox = "old"\n')
    assert watched() == ["old"]
    Path("lineal.toml").write_text('inbox = "old"\n[[inboxes]]\npath = "new"\nowner = "anna"\n')
    assert watched() == ["old", "new"]
    assert watched(Path("x"), Path("y")) == ["x", "y"]
