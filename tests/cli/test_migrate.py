"""Moving house loses nothing, copies nothing twice, and disturbs no daemon."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lineal.lineage.rebuild import rebuild
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.connection import Connection
from tests.cli.conftest import FILES, arrive
from tests.cli.processes import lineal


@pytest.fixture
def old(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "old"))


async def everything(folder: Path) -> dict[str, object]:
    """All that a person or a worker can ask of a data folder."""
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        tables = {
            table: sorted(
                await runtime.store.read(
                    lambda c, table=table: c.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[misc]
                )
            )
            for table in ("ledger", "registry", "arrivals", "ownership", "labels", "operations")
        }
        infos = await runtime.bus.topics()
        topics = {
            info.topic: [(d.event.id, d.event.data) async for d in runtime.bus.read(info.topic)]
            for info in infos
        }
        return {
            **tables,
            "topics": {topic: sorted(events) for topic, events in topics.items()},
            "lag": {(g.group, g.topic): g.lag for info in infos for g in info.groups},
            "objects": sorted([d async for d in runtime.objects.large_digests()]),
        }


def test_the_log_of_the_ledger_goes_on(old: Path, tmp_path: Path) -> None:
    """Under its name, with its key: what was signed at the old place holds at the new one."""
    new = tmp_path / "new"
    checkpoint = tmp_path / "checkpoint"
    shutil.copy(old / "checkpoints" / "checkpoint", checkpoint)
    assert lineal(tmp_path, "migrate", "--to-data", str(new), "--data", str(old)).returncode == 0
    for options in ([], ["--checkpoint", str(checkpoint)]):
        verified = lineal(tmp_path, "verify", "--data", str(new), *options)
        assert verified.returncode == 0, verified.stdout
    assert lineal(tmp_path, "log", "key", "--data", str(new)).stdout == (
        lineal(tmp_path, "log", "key", "--data", str(old)).stdout
    )


async def test_everything_is_there_afterwards_and_nothing_twice(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    first = lineal(old.parent, "migrate", "--to-data", str(new), "--json", "--data", str(old))
    assert first.returncode == 0, first.stderr
    copied = json.loads(first.stdout)
    assert copied["events"] > len(FILES)
    assert copied["lineage records"] > len(FILES)
    assert await everything(new) == await everything(old)
    found = lineal(new.parent, "search", "turbine", "--json", "--data", str(new))
    assert (
        found.stdout == lineal(old.parent, "search", "turbine", "--json", "--data", str(old)).stdout
    )
    again = lineal(old.parent, "migrate", "--to-data", str(new), "--json", "--data", str(old))
    assert json.loads(again.stdout) == {}
    assert await everything(new) == await everything(old)


async def test_what_stages_keep_comes_along_as_it_is_now(old: Path, tmp_path: Path) -> None:
    """A rollout that is under way: its state, and the step that is due later."""
    new = tmp_path / "new"
    tables = "state", "timers", "taken_objects", "watched_files"

    async def change(*statements: str) -> None:
        def execute(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        async with open_runtime(Settings(data=old, durability="normal")) as runtime:
            await runtime.store.write(execute)

    async def kept(folder: Path) -> list[list[object]]:
        def rows(connection: Connection) -> list[list[object]]:
            return [sorted(connection.execute(f"SELECT * FROM {table}")) for table in tables]

        async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
            return await runtime.store.read(rows)

    await change(
        "INSERT INTO state (stage, name, event_id, before, after, removed) "
        "VALUES ('deploy', 'rollout', 'e1', NULL, 'ring 1', NULL), "
        "('deploy', 'done', 'e2', 'ring 9', NULL, 1)",
        "INSERT INTO timers VALUES ('deploy', 'step', 4102444800000000, '{}', NULL, NULL)",
        "INSERT INTO taken_objects VALUES ('bucket', 'a.pdf', 'etag', 1)",
        "INSERT INTO watched_files VALUES ('inbox/a.pdf', 1, 2, 3)",
    )
    lineal(old.parent, "migrate", "--to-data", str(new), "--data", str(old))
    assert await kept(new) == await kept(old)
    assert all(await kept(new))
    await change("UPDATE state SET after = 'ring 2'", "DELETE FROM timers")
    again = lineal(old.parent, "migrate", "--to-data", str(new), "--json", "--data", str(old))
    assert json.loads(again.stdout) == {"state of stages": 2, "timers": 1}
    assert await kept(new) == await kept(old)


async def test_what_was_copied_can_be_rebuilt(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    lineal(old.parent, "migrate", "--to-data", str(new), "--data", str(old))
    before = await everything(new)
    async with open_runtime(Settings(data=new, durability="normal")) as runtime:
        await runtime.store.write(rebuild)
    assert await everything(new) == before


async def test_events_that_wait_are_finished_first(old: Path, tmp_path: Path) -> None:
    async with open_runtime(Settings(data=old, durability="normal")) as runtime:
        await arrive(runtime, "late.txt", b"late")
    refused = lineal(old.parent, "migrate", "--to-data", str(tmp_path / "new"), "--data", str(old))
    assert refused.returncode == 1
    assert "register (1)" in refused.stderr
    assert "migrate then" in refused.stderr


async def test_what_waits_for_a_group_that_is_no_more_can_be_left(
    old: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    to = "migrate", "--to-data", str(new), "--data", str(old)
    async with open_runtime(Settings(data=old, durability="normal")) as runtime:
        await arrive(runtime, "late.txt", b"late")
        await arrive(runtime, "later.txt", b"later")
    refused = lineal(old.parent, *to)
    assert "--leave register" in refused.stderr
    misspelt = lineal(old.parent, *to, "--leave", "registre")
    assert misspelt.returncode == 1
    assert "no group registre" in misspelt.stderr
    done = lineal(old.parent, *to, "--leave", "register")
    assert done.returncode == 0, done.stderr
    there, here = await everything(new), await everything(old)
    assert {name: value for name, value in there.items() if name != "lag"} == {
        name: value for name, value in here.items() if name != "lag"
    }
    assert there["lag"] == dict.fromkeys(here["lag"], 0)  # type: ignore[call-overload]


async def test_another_ledger_is_not_mixed_with(old: Path, filled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    async with open_runtime(Settings(data=other, durability="normal")) as runtime:
        await runtime.bus.publish([])
    lineal(old.parent, "migrate", "--to-data", str(other), "--data", str(old))
    async with open_runtime(Settings(data=other, durability="normal")) as runtime:
        await runtime.store.write(
            lambda c: c.execute("INSERT INTO timers VALUES ('theirs', 'x', 1, '{}', NULL, NULL)")
        )
        await runtime.store.write(
            lambda c: c.execute("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)")
        )
        await runtime.store.write(
            lambda c: c.execute(
                "UPDATE ledger SET digest = ? WHERE seq = (SELECT max(seq) FROM ledger)",
                (b"x" * 32,),
            )
        )
    refused = lineal(old.parent, "migrate", "--to-data", str(other), "--data", str(old))
    assert refused.returncode == 1
    assert "other records" in refused.stderr
    async with open_runtime(Settings(data=other, durability="normal")) as runtime:
        timers = await runtime.store.read(
            lambda c: c.execute("SELECT stage FROM timers").fetchall()
        )
    assert timers == [("theirs",)]


def test_a_target_must_be_named(old: Path) -> None:
    refused = lineal(old.parent, "migrate", "--data", str(old))
    assert refused.returncode == 2
    assert "--bus" in refused.stderr
