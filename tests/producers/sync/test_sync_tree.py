"""A folder tree as a source: new, modified and deleted files, and metadata beside them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from lineal.daemon import Daemon
from lineal.durations import seconds_of
from lineal.runtime import Runtime
from lineal.settings import Settings
from lineal_catalog.documents.queries import DocumentSource, sources_of
from lineal_catalog.search.entries import SearchPage, replace_document, search
from lineal_consumers.register.stage import register
from lineal_producers.sync.comparison import SourceEmpty, SyncResult
from lineal_producers.sync.patterns import Patterns, WrongPattern
from lineal_producers.sync.schedule import synchronise_source
from lineal_producers.sync.settings import Deleted, SourceSettings
from lineal_schemas.documents import DocumentSourceDeleted
from lineal_schemas.envelope import decode
from tests.producers.arrivals import arrived, names, until


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


async def sync(
    runtime: Runtime, tree: Path, *, full: bool = False, deleted: Deleted = "mark", **given: object
) -> SyncResult:
    settings = SourceSettings.model_validate({"url": str(tree), "deleted": deleted, **given})
    return await synchronise_source(runtime, settings, full=full)


async def deletions(runtime: Runtime) -> list[DocumentSourceDeleted]:
    found = [decode(item.event).data async for item in runtime.bus.read("document.source_deleted")]
    return [item for item in found if isinstance(item, DocumentSourceDeleted)]


async def test_what_is_new_modified_and_deleted_is_announced_once(
    runtime: Runtime, tree: Path
) -> None:
    for name in ("a", "b", "sub/c"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(name)
    assert await sync(runtime, tree) == SyncResult(ingested=3)
    assert await sync(runtime, tree) == SyncResult(unchanged=3)
    (tree / "a").write_text("other")
    (tree / "sub" / "c").unlink()
    assert await sync(runtime, tree, deleted="hide") == SyncResult(
        ingested=1, unchanged=1, deleted=1
    )
    assert await sync(runtime, tree) == SyncResult(unchanged=2)
    found = await arrived(runtime)
    before, after = (item.data.document_id for item in found if item.name == "a")
    replaced, deletion = await deletions(runtime)
    assert (replaced.document_id, replaced.replaced_by, replaced.hides) == (before, after, True)
    assert deletion.replaced_by is None
    arrival = next(item for item in await arrived(runtime) if item.name == "c")
    assert deletion.source == (tree / "sub" / "c").as_uri() == arrival.data.source
    assert (deletion.document_id, deletion.arrival) == (arrival.data.document_id, arrival.event_id)
    assert deletion.hides
    assert await sync(runtime, tree, full=True) == SyncResult(ingested=2)
    found = await arrived(runtime)
    assert (len(found), len({item.event_id for item in found})) == (6, 4)


async def test_the_document_of_a_modified_file_leaves_the_index_as_one_of_a_deleted_file_does(
    runtime: Runtime, tree: Path
) -> None:
    """And is found again when the file is as it was, with its time of then."""
    policies: tuple[Deleted, ...] = ("hide", "mark", "ignore")
    for deleted in policies:
        file = tree / f"{deleted}.txt"
        file.write_text(f"first {deleted}")
        os.utime(file, (1_000, 1_000))
        await sync(runtime, tree, deleted=deleted)
        file.write_text(f"second {deleted}")
        await sync(runtime, tree, deleted=deleted)
    assert await found_by_searching(runtime, "first") == {"mark.txt", "ignore.txt"}
    assert await found_by_searching(runtime, "second") == {f"{each}.txt" for each in policies}
    former = next(item for item in await arrived(runtime) if item.name == "mark.txt")
    (source,) = await runtime.store.read(partial(sources_of, document_id=former.data.document_id))
    assert source == DocumentSource((tree / "mark.txt").as_uri(), "mark.txt", deleted=True)
    (tree / "hide.txt").write_text("first hide")
    os.utime(tree / "hide.txt", (1_000, 1_000))
    await sync(runtime, tree, deleted="hide")
    assert "hide.txt" in await found_by_searching(runtime, "first")
    assert "hide.txt" not in await found_by_searching(runtime, "second")


async def found_by_searching(runtime: Runtime, word: str) -> set[str]:
    """Names of documents, after the stages have handled what arrived; each text is one page."""
    daemon = Daemon(runtime, [register])
    await daemon.start()

    async def handled() -> bool:
        topics = await runtime.bus.topics()
        return not sum(group.lag for topic in topics for group in topic.groups)

    await until(handled)
    await daemon.stop()
    for item in await arrived(runtime):
        assert item.data.content is not None
        text = (await runtime.objects.get(item.data.content)).decode()
        pages = [SearchPage(1, text)]
        await runtime.store.write(
            partial(replace_document, document_id=item.data.document_id, pages=pages, facets={})
        )
    return {hit.name for hit in await runtime.store.read(partial(search, text=word))}


async def test_a_file_that_comes_back_is_another_arrival(runtime: Runtime, tree: Path) -> None:
    (tree / "a").write_text("a")
    (tree / "b").write_text("b")
    await sync(runtime, tree)
    (tree / "a").rename(tree.parent / "away")
    await sync(runtime, tree)
    (tree.parent / "away").rename(tree / "a")
    assert await sync(runtime, tree) == SyncResult(ingested=1, unchanged=1)
    events = [item.event_id for item in await arrived(runtime) if item.name == "a"]
    assert len(set(events)) == 2


async def test_a_folder_that_is_empty_or_away_deletes_nothing(runtime: Runtime, tree: Path) -> None:
    (tree / "a").write_text("a")
    await sync(runtime, tree)
    (tree / "a").unlink()
    with pytest.raises(SourceEmpty, match="allow-empty"):
        await sync(runtime, tree)
    shutil.rmtree(tree)
    with pytest.raises(OSError, match="mount it"):
        await sync(runtime, tree)
    tree.mkdir()
    assert (await sync(runtime, tree, allow_empty=True)).deleted == 1


async def test_patterns_choose_files_and_what_they_leave_out_is_not_deleted(
    runtime: Runtime, tree: Path
) -> None:
    for name in ("2024-1.pdf", "2024-2.txt", "1999.pdf"):
        (tree / name).write_text(name)
    await sync(runtime, tree, include=("*.pdf",))
    result = await sync(runtime, tree, include=("re:^2[0-9]{3}",), exclude=("*.txt",))
    assert result == SyncResult(unchanged=1, left_out=2)
    assert sorted(await names(runtime)) == ["1999.pdf", "2024-1.pdf"]
    with pytest.raises(WrongPattern):
        Patterns(("re:(",)).take("x")


async def test_metadata_gives_owner_labels_and_readers_and_is_no_document(
    runtime: Runtime, tree: Path
) -> None:
    (tree / "a.pdf").write_text("a")
    (tree / "b.pdf").write_text("b")
    metadata = {"owner": "anna", "labels": {"year": "2024"}, "readers": ["ben"], "other": 1}
    (tree / "a.pdf.metadata.json").write_text(json.dumps(metadata))
    (tree / "b.pdf.metadata.json").write_text("not json")
    assert await sync(runtime, tree) == SyncResult(ingested=2, left_out=2)
    found = {item.name: item.data for item in await arrived(runtime)}
    first = found["a.pdf"]
    assert (first.owner, first.labels, first.readers) == ("anna", {"year": "2024"}, ("ben",))
    # What was to say who may see it cannot be read: then nobody may but an owner.
    assert found["b.pdf"].readers == ()
    (tree / "a.pdf.metadata.json").write_text(json.dumps({**metadata, "readers": ["cleo"]}))
    assert (await sync(runtime, tree)).ingested == 1
    assert (await arrived(runtime))[-1].data.readers == ("cleo",)


def test_the_command_repeats_until_it_is_stopped(tree: Path, tmp_path: Path) -> None:
    (tree / "a.txt").write_text("a")
    program = Path(sys.executable).with_name("lineal")
    arguments: list[str | Path] = [
        program,
        "sync",
        tree,
        "--every",
        "1s",
        "--json",
        "--data",
        tmp_path / "data",
    ]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=os.environ
    ) as running:
        assert running.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        found: list[dict[str, int]] = []
        while len(found) < 2 and (line := running.stdout.readline()):
            text += line
            try:
                value, end = decoder.raw_decode(text)
            except ValueError:
                continue
            found.append(value)
            text = text[end:].lstrip()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    assert [(item["taken"], item["unchanged"]) for item in found] == [(1, 0), (0, 1)]


def test_settings_that_do_not_fit_are_said() -> None:
    assert [seconds_of(text) for text in ("30s", "15m", "2h", "1d")] == [30, 900, 7200, 86400]
    for wrong in (
        {"url": "ftp://x"},
        {"url": "a", "every": "soon"},
        {"url": "a", "include": "re:("},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate({"sync": {"sources": [wrong]}})
