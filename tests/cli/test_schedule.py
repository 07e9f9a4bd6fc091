"""lineal schedule: publishing later from a shell."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lineal.daemon import Daemon
from lineal.runtime import open_runtime
from lineal.settings import Settings
from tests.cli.conftest import Lineal
from tests.cli.test_events import tailed
from tests.conformance.harness import until_events

TOPIC = "shop.report"


def test_a_schedule_is_set_replaced_listed_and_ended(lineal: Lineal, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for cron in ("0 3 * * *", "30 3 * * *"):
        answer = lineal(
            "schedule", "add", "nightly", cron, TOPIC, "--zone", "Europe/Berlin",
            "--data", data, stdin=b'{"a": 1}',
        )  # fmt: skip
        assert answer.code == 0, answer.err
    [planned] = lineal("schedule", "list", "--data", data, "--json").json
    assert (planned["name"], planned["cron"], planned["topic"]) == ("nightly", "30 3 * * *", TOPIC)
    at = datetime.fromtimestamp(planned["next_us"] / 1e6, UTC)
    assert datetime.now(UTC) < at < datetime.now(UTC) + timedelta(days=1, hours=2)
    assert lineal("schedule", "end", "nightly", "--data", data).code == 0
    assert lineal("schedule", "list", "--data", data, "--json").json == []
    gone = lineal("schedule", "end", "nightly", "--data", data)
    assert (gone.code, "no schedule" in gone.err) == (1, True)


def test_a_delayed_event_waits_and_comes_once(lineal: Lineal, tmp_path: Path) -> None:
    data = tmp_path / "data"
    lineal("topics", "create", TOPIC, "--data", data)
    soon = ("schedule", "once", "1s", TOPIC, "--data", data, "--json")
    [waits] = lineal(*soon, stdin=b'{"a": 1}').json
    [never] = lineal("schedule", "once", "1h", TOPIC, "--data", data, "--json", stdin=b"{}").json
    listed = lineal("schedule", "list", "--data", data, "--json").json
    assert [row["name"] for row in listed] == [waits["id"], never["id"]]
    assert lineal("schedule", "end", never["id"], "--data", data).code == 0
    asyncio.run(_daemon_until_published(data))
    assert [event["id"] for event in tailed(lineal, data, TOPIC)] == [waits["id"]]
    assert lineal("schedule", "list", "--data", data, "--json").json == []


async def _daemon_until_published(data: Path) -> None:
    async with open_runtime(Settings(data=data, durability="normal", workers=1)) as runtime:
        daemon = Daemon(runtime, ())
        await daemon.start()
        await until_events(runtime, TOPIC, 1)
        await daemon.stop()


def test_what_cannot_be_scheduled_is_said(lineal: Lineal, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for arguments, stdin, said in (
        (("add", "x", "0 99 * * *", TOPIC), b"{}", "Bad hour"),
        (("add", "x", "0 9 * * *", TOPIC, "--zone", "Mars/One"), b"{}", "Mars/One"),
        (("add", "x", "0 9 * * *", TOPIC), b"{}\n{}", "one event"),
        (("add", "x", "0 9 * * *", "document.indexed"), b"{}", "document.indexed"),
        (("once", "2030-01-01", TOPIC), b"{}", "no zone"),
        (("once", "soon", TOPIC), b"{}", "10m"),
        (("once", "10m", TOPIC), b"", "no event"),
    ):
        answer = lineal("schedule", *arguments, "--data", data, stdin=stdin)
        assert answer.code != 0 and said in answer.err, (arguments, answer.err)
