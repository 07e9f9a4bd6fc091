"""Documents are erased everywhere, and all else stays."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from lineal import Context, stage
from lineal.access.acts import NotPermitted
from lineal.access.credential import credential_of, owner_credential
from lineal.bus.protocol import Addressed, TopicInfo
from lineal.daemon import Daemon
from lineal.delayed_retries import DelayedFilter, delayed_events
from lineal.erasure.broker_retention import broker_retention
from lineal.erasure.erase import NoReason, erase, overwrite, plan_erasure
from lineal.erasure.late_steps import erase_late
from lineal.runtime import open_runtime
from lineal_cli.main import app
from lineal_consumers.index.stage import index
from lineal_consumers.register.stage import register
from lineal_producers.arrival import ArrivalSource, announce, store
from lineal_producers.http.application import application
from lineal_schemas.documents import DocumentAnalyzed, DocumentRegistered
from lineal_schemas.ids import arrival_id
from tests.erasure.documents import WORDS, arrive, fill, handle_all, reading, settings, words_found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("filled") / "data"
    return folder, asyncio.run(fill(folder))


@pytest.fixture
def ids(filled: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return filled[1]


@pytest.fixture
def data(filled: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(filled[0], folder)
    return folder


class Answer(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def lineal(data: Path, *arguments: str) -> Answer:
    """Run a command in this process."""
    variables = {name: None for name in os.environ if name.startswith("LINEAL_")}
    answer = CliRunner().invoke(
        app, [*arguments, "--data", str(data)], env=variables | {"LINEAL_WORKERS": "1"},
        prog_name="lineal",
    )  # fmt: skip
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return Answer(answer.exit_code, answer.stdout_bytes, answer.stderr.encode())


def done(data: Path, *arguments: str) -> Any:
    answer = lineal(data, *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return orjson.loads(answer.stdout)


def erase_owner(data: Path) -> Any:
    return done(data, "erase", "--owner", WORDS[2], "--reason", "asked for", "--yes")


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


@pytest.mark.parametrize("ends", [True, False])
def test_what_a_step_makes_while_its_document_is_erased_goes_too(
    tmp_path: Path, ends: bool
) -> None:
    """What a step that does not end in time makes stays, and is named."""
    data = tmp_path / "data"
    word = WORDS[0]
    begun, go_on = asyncio.Event(), asyncio.Event()

    @stage("slow", version="1", produces=DocumentAnalyzed)
    async def slow(document: DocumentRegistered, ctx: Context) -> DocumentAnalyzed:
        made: DocumentAnalyzed = await reading.function(document, ctx)
        begun.set()
        await go_on.wait()
        return made

    async def erase_meanwhile() -> list[str]:
        async with open_runtime(settings(data)) as runtime:
            document_id = await arrive(runtime, "slow.txt", f"A letter about {word}.".encode())
            daemon = Daemon(runtime, [register, slow, index])
            await daemon.start()
            await begun.wait()
            plan = await plan_erasure(runtime, [f"document:{document_id}"])
            by = owner_credential()
            await erase(runtime, plan, "asked for", by=by)
            late = asyncio.create_task(
                erase_late(runtime, [plan], "asked for", by=by, seconds=30 if ends else 0.1)
            )
            if not ends:
                _, unfinished = await late
                go_on.set()
                await daemon.stop()
                return unfinished
            await asyncio.sleep(0)
            go_on.set()
            counts, unfinished = await late
            assert counts["objects"] and counts["events"]
            await daemon.stop()
            assert await overwrite(runtime) == []
            return unfinished

    unfinished = asyncio.run(erase_meanwhile())
    assert len(unfinished) == (0 if ends else 1)
    assert bool(words_found(data, [word])) is not ends
    assert lineal(data, "verify").returncode == 0


def test_events_that_wait_for_their_next_attempt_are_erased(tmp_path: Path) -> None:
    data = tmp_path / "data"

    @stage("patient", version="1", memo=False, retry_delays=["1h"])
    async def patient(document: DocumentRegistered, ctx: Context) -> None:
        raise ValueError("the archive is away")

    async def fill_and_erase() -> None:
        async with open_runtime(settings(data)) as runtime:
            kept = await arrive(runtime, "kept.txt", b"kept")
            gone = await arrive(runtime, f"{WORDS[1]}.txt", b"gone")
            daemon = Daemon(runtime, [register, patient])
            try:
                await daemon.start()
                async with asyncio.timeout(180):
                    while len(await delayed_events(runtime, DelayedFilter())) < 2:
                        await asyncio.sleep(0.02)
            finally:
                await daemon.stop()
            plan = await plan_erasure(runtime, [f"document:{gone}"])
            counts = await erase(runtime, plan, "asked", by=owner_credential())
            assert (counts["timers"], counts["delayed retries"]) == (1, 1)
            assert await overwrite(runtime) == []
            (left,) = await delayed_events(runtime, DelayedFilter())
            assert left.event.correlationid == f"document:{kept}"

    asyncio.run(fill_and_erase())
    assert words_found(data, [WORDS[1]]) == set()


def test_of_a_broker_it_is_said_what_stays_where_until_when() -> None:
    def topic(name: str, seconds: int | None) -> TopicInfo:
        return TopicInfo(name, 1, 5, None, seconds, ())

    now = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)
    topics = [topic("b", 7 * 86_400), topic("a", 7 * 86_400), topic("c", None)]
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


def test_an_attachment_of_another_document_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def attach() -> tuple[str, str, str]:
        async with open_runtime(settings(data)) as runtime:
            first = await arrive(runtime, "first.txt", b"first")
            second = await arrive(runtime, "second.txt", b"second")
            shared = await arrive(runtime, "shared.txt", b"shared", parent=first)
            await arrive(runtime, "shared.txt", b"shared", parent=second)
            await handle_all(runtime)
            return first, second, shared

    first, second, shared = asyncio.run(attach())
    answer = done(data, "erase", first, "--reason", "asked for", "--yes")
    assert answer["subjects"] == [f"document:{first}"]
    assert any(shared in line for line in answer["remains"])
    assert done(data, "show", shared)["status"] == "indexed"
    answer = done(data, "erase", second, "--reason", "asked for", "--yes")
    assert set(answer["subjects"]) == {f"document:{second}", f"document:{shared}"}


def test_a_replay_leaves_out_what_was_erased(data: Path, ids: dict[str, str]) -> None:
    erase_owner(data)
    answer = done(data, "replay", "--stage", "register", "--dry-run")
    assert answer["stages"][0]["events"] == 25
    (replayed,) = done(data, "replay", "--stage", "register")["stages"]
    assert (replayed["done"], replayed["erased"]) == (21, 4)
    assert words_found(data, WORDS) == set()
    assert len(done(data, "documents")) == 21


def test_a_replay_leaves_out_what_a_broker_still_keeps(data: Path, ids: dict[str, str]) -> None:
    async def kept_event() -> Addressed:
        async with open_runtime(settings(data)) as runtime:
            async for delivery in runtime.bus.read("document.arrived"):
                if delivery.event.correlationid == f"document:{ids['letter']}":
                    return "document.arrived", delivery.event
        raise AssertionError

    async def publish(kept: Addressed) -> None:
        async with open_runtime(settings(data)) as runtime:
            await runtime.bus.publish([kept])

    kept = asyncio.run(kept_event())
    erase_owner(data)
    asyncio.run(publish(kept))
    (replayed,) = done(data, "replay", "--stage", "register")["stages"]
    assert (replayed["done"], replayed["erased"]) == (21, 5)
    assert len(done(data, "documents")) == 21


def test_the_same_bytes_that_arrive_later_are_a_document_again(
    data: Path, ids: dict[str, str]
) -> None:
    done(data, "erase", ids["other"], "--reason", "asked for", "--yes")

    async def again() -> None:
        async with open_runtime(settings(data)) as runtime:
            await arrive(runtime, "again.txt", b"About bearings.", occurrence="2")
            await handle_all(runtime)

    asyncio.run(again())
    assert done(data, "show", ids["other"])["name"] == "again.txt"
    assert done(data, "show", ids["other"])["status"] == "indexed"
    assert lineal(data, "show", ids["other"], "--as", "text").stdout == b"About bearings."


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


def test_what_no_stage_has_seen_yet_is_erased_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(WORDS[0])
    put = lineal(tmp_path / "data", "put", str(tmp_path / "a.txt"))
    identifier = put.stdout.decode().splitlines()[-1].split("\t")[0]
    refused = lineal(tmp_path / "data", "erase", identifier, "--reason", "a mistake", "--yes")
    assert (refused.returncode, b"--subject document:ID" in refused.stderr) == (1, True)
    subject = ("--subject", f"document:{identifier}")
    erased = lineal(tmp_path / "data", "erase", *subject, "--reason", "a mistake", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert words_found(tmp_path / "data", WORDS[:1]) == set()


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
