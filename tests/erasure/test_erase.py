"""Documents are erased everywhere, and all else stays."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import orjson
import pytest

from lineal.access.acts import NotPermitted
from lineal.access.credential import credential_of
from lineal.bus.protocol import TopicInfo
from lineal.erasure.broker_retention import broker_retention
from lineal.erasure.erase import NoReason, erase, plan_erasure
from lineal.runtime import open_runtime
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.http.application import application
from lineal_schemas.ids import arrival_id
from tests.erasure.commands import done, erase_owner, lineal
from tests.erasure.documents import WORDS, settings, words_found


def test_nothing_is_found_of_erased_documents(data: Path, ids: dict[str, str]) -> None:
    found = words_found(data, WORDS)
    assert {word for word in WORDS if any(place.startswith(word) for place in found)} == set(WORDS)
    answer = erase_owner(data)
    erased = {ids[name] for name in ("letter", "large", "broken", "attached")}
    assert set(answer["subjects"]) == {f"document:{each}" for each in erased}
    # All letters have the same analysis.
    assert answer["remains"] == ["1 object that others refer to"]
    assert words_found(data, WORDS) == set()


def test_the_ledger_holds_and_others_are_complete(data: Path, ids: dict[str, str]) -> None:
    others = done(data, "documents")
    before = done(data, "show", ids["other"])
    erase_owner(data)
    assert lineal(data, "verify").returncode == 0
    assert done(data, "show", ids["other"]) == before
    gone = {ids[name] for name in ("letter", "large", "broken", "attached")}
    assert done(data, "documents") == [x for x in others if x["document_id"] not in gone]
    assert [hit["name"] for hit in done(data, "search", "bearings")] == ["other.txt"]
    text = lineal(data, "show", ids["other"], "--as", "text").stdout
    assert text == b"About bearings."
    assert lineal(data, "rebuild").returncode == 0
    assert done(data, "documents") == [x for x in others if x["document_id"] not in gone]
    assert done(data, "dead", "list") == []


def test_who_asks_is_told_that_it_was_erased(data: Path, ids: dict[str, str]) -> None:
    erase_owner(data)
    shown = lineal(data, "show", ids["letter"])
    assert shown.returncode == 1
    assert b"was erased on " in shown.stderr
    assert b"asked for" in shown.stderr
    steps = done(data, "lineage", ids["letter"])
    assert steps[-1]["kind"] == "erase"
    assert steps[-1]["reason"] == "asked for"


def test_http_says_that_it_is_gone(data: Path, ids: dict[str, str]) -> None:
    erase_owner(data)
    asyncio.run(_is_gone(data, ids["letter"]))


async def _is_gone(data: Path, document_id: str) -> None:
    async with open_runtime(settings(data)) as runtime:
        transport = httpx.ASGITransport(application(runtime))
        token = (data / "api-token").read_text().strip()
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1",
            headers={"authorization": f"Bearer {token}"},
        ) as client:  # fmt: skip
            answer = await client.get(f"/documents/{document_id}/text")
            assert answer.status_code == 410
            assert "asked for" in answer.text


def test_only_an_owner_erases(data: Path, ids: dict[str, str]) -> None:
    async def attempt() -> None:
        async with open_runtime(settings(data)) as runtime:
            plan = await plan_erasure(runtime, [f"document:{ids['letter']}"])
            with pytest.raises(NotPermitted):
                await erase(runtime, plan, "asked for", by=credential_of("user:bob", "operator"))
            with pytest.raises(NoReason):
                await erase(runtime, plan, " ")

    asyncio.run(attempt())
    assert lineal(data, "show", ids["letter"], "--as", "text").returncode == 0


def test_of_a_broker_it_is_said_what_stays_where_until_when() -> None:
    def topic(name: str, seconds: int | None) -> TopicInfo:
        return TopicInfo(name, 1, 5, None, seconds, ())

    now = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)
    topics = [
        topic("b", 7 * 86_400),
        topic("a", 7 * 86_400),
        topic("c", None),
        TopicInfo("d", 1, 0, None, None, ()),
    ]
    assert broker_retention("kafka://h:1", topics, now) == [
        "events on the topic c, for ever: give them a retention (`retention.ms`), or delete what "
        "lies before an offset with `kafka-delete-records`",
        "events on the topics a, b, until 2026-12-06 18:00 UTC (7 days of retention), and until "
        "Kafka has closed the segment that they are in (`segment.ms`)",
    ]
    assert broker_retention("aws://r", [topic("a", 86_400)], now) == [
        "events in the archives of the topic a, until 2026-11-30 18:00 UTC (1 day)",
        "messages of the topic a that wait in queues, until they are handled, at most until "
        "2026-12-13 18:00 UTC",
    ]


def test_the_id_of_an_arrival_cannot_be_guessed(tmp_path: Path) -> None:
    """And is the same for who announces it again."""

    async def announced(folder: Path) -> tuple[str, str]:
        async with open_runtime(settings(folder)) as runtime:
            content = await store(runtime, io.BytesIO(b"text"))
            source = ArrivalSource(
                name="n", source="file:///n", actor="process:test", occurrence="1"
            )
            arrival = await announce(runtime, source, content=content)
            return arrival.event_id, arrival_id("file:///n", content.sha256, "1")

    first, guessed = asyncio.run(announced(tmp_path / "a"))
    assert asyncio.run(announced(tmp_path / "a"))[0] == first != guessed
    assert asyncio.run(announced(tmp_path / "b"))[0] not in (first, guessed)


def test_no_digest_in_the_ledger_is_that_of_a_guess(data: Path, ids: dict[str, str]) -> None:
    before = done(data, "lineage", ids["letter"])
    events = [
        orjson.loads(line)
        for topic in ("document.arrived", "document.registered")
        for line in lineal(
            data, "tail", topic, "--from", "beginning", "--no-follow", "--json"
        ).stdout.splitlines()
    ]
    named = [event["data"] for event in events if ids["letter"] in event["correlationid"]]
    digests = {item["sha256"] for step in before for item in (*step["inputs"], *step["outputs"])}
    for known in named:
        assert known["salt"]
        assert sha256(orjson.dumps(known)).hexdigest() in digests
        assert sha256(orjson.dumps(known | {"salt": None})).hexdigest() not in digests
    erase_owner(data)
    assert words_found(data, [known["salt"] for known in named]) == set()


def test_a_dry_run_changes_nothing(data: Path, ids: dict[str, str]) -> None:
    planned = done(data, "erase", "--owner", WORDS[2], "--dry-run")
    assert planned["dry_run"]
    assert len(done(data, "documents")) == 25
    assert erase_owner(data)["counts"] == planned["counts"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--owner", "ada"], 2),
        (["--reason", "asked for"], 2),
        (["nosuch.txt", "--reason", "asked for", "--yes"], 1),
        (["other.txt", "--reason", "asked for"], 1),
    ],
)
def test_what_is_not_said_clearly_erases_nothing(
    data: Path, arguments: list[str], code: int
) -> None:
    assert lineal(data, "erase", *arguments).returncode == code
    assert len(done(data, "documents")) == 25


_KILLED = """
import os, signal, sys
import lineal.erasure.erase as erasing
from lineal_cli.main import main

name = sys.argv.pop(1)
setattr(erasing, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
main()
"""


@pytest.mark.parametrize("before", ["erase_events", "erase_rows", "lineage_records", "_purge"])
def test_an_erasure_that_was_killed_is_run_again(
    data: Path, ids: dict[str, str], before: str
) -> None:
    arguments = ["--reason", "asked for", "--yes"]
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, before, "erase", ids["letter"], *arguments,
         "--data", str(data)],
        capture_output=True, cwd=data.parent, timeout=120, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    done(data, "erase", ids["letter"], *arguments)
    done(data, "erase", "--owner", WORDS[2], *arguments)
    assert words_found(data, WORDS) == set()
    assert len(done(data, "documents")) == 21
    assert lineal(data, "verify").returncode == 0
