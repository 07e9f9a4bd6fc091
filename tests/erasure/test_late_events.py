"""What is handled, waits or arrives while something is erased, or later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lineal import Context, stage
from lineal.access.credential import owner_credential
from lineal.bus.protocol import Addressed
from lineal.daemon import Daemon
from lineal.delayed_retries import DelayedFilter, delayed_events
from lineal.erasure.erase import erase, overwrite, plan_erasure
from lineal.erasure.late_steps import erase_late
from lineal.runtime import open_runtime
from lineal_consumers.index.stage import index
from lineal_consumers.register.stage import register
from lineal_schemas.documents import DocumentAnalyzed, DocumentRegistered
from tests.erasure.commands import done, erase_owner, lineal
from tests.erasure.documents import WORDS, arrive, handle_all, reading, settings, words_found


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
