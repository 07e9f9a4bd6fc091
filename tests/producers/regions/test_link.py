"""Links between regions: what is brought, once, with its objects, and what is not."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lineal.bus.claim_check import check_out
from lineal.lineage.ledger import steps_of_subject
from lineal.runtime import Runtime, open_runtime
from lineal.store.objects import reference
from lineal_producers.regions.link import Link
from lineal_producers.regions.link_status import link_statuses
from tests.producers.regions.three_regions import (
    REGIONS,
    TOPIC,
    events_in,
    open_regions,
    order,
    place,
    settings_of,
)

ROME_OSLO = {"from": "rome", "to": "oslo", "topics": ["order.*"]}


async def _settle(regions: dict[str, Runtime], *links: str) -> int:
    """Run links again and again until none of them brings anything; returns how many did."""
    total = 0
    while True:
        brought = [(await Link(regions["rome"], name).run_once()).brought for name in links]
        if not any(brought):
            return total
        total += sum(brought)


async def test_events_are_brought_in_order_of_their_keys_and_keep_what_they_are_known_by(
    tmp_path: Path,
) -> None:
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        sent = [order(number) for number in range(30)]
        await place(regions["rome"], *sent)
        await place(regions["rome"], order(99, type="invoice.sent"))
        done = await Link(regions["rome"], "out").run_once()
        assert (done.brought, done.rejected) == (30, {})
        there = await events_in(regions["oslo"])
        assert len(there) == 30
        for key in {event.partitionkey for event in sent}:
            assert [e.id for e in there if e.partitionkey == key] == [
                e.id for e in sent if e.partitionkey == key
            ]
        known = {event.id: event for event in sent}
        for event in there:
            assert event == known[event.id]._replace(actor="link:out")
        assert await events_in(regions["oslo"], "invoice.sent") == []


async def test_the_ledger_of_the_target_says_where_an_event_came_from(tmp_path: Path) -> None:
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        await place(regions["rome"], order(1), order(2))
        await Link(regions["rome"], "out").run_once()
        (delivery,) = [
            item async for item in regions["rome"].bus.read(TOPIC) if item.event.id == "order-2"
        ]
        (step,) = await regions["oslo"].store.read(
            lambda connection: list(steps_of_subject(connection, "order:2"))
        )
        assert (step.kind, step.actor, step.events_out) == ("link", "link:out", ("order-2",))
        said = step.attributes
        assert (said["from"], said["to"], said["sent_by"]) == ("rome", "oslo", "user:ann")
        assert (said["topic"], said["from_partition"], said["from_offset"]) == delivery.position
        assert said["from_installation"] != said["to_installation"]
        assert step.outputs[0].sha256 == sha256(delivery.event.data).hexdigest()


async def test_an_event_never_returns_and_a_ring_brings_it_everywhere_once(tmp_path: Path) -> None:
    ring = {
        f"{a}-{b}": {"from": a, "to": b, "topics": [TOPIC]}
        for a in REGIONS
        for b in REGIONS
        if a != b
    }
    async with open_regions(tmp_path, **ring) as regions:
        for number, name in enumerate(REGIONS):
            await place(regions[name], order(number))
        assert await _settle(regions, *ring) == 6
        for name in REGIONS:
            assert sorted(event.id for event in await events_in(regions[name])) == [
                "order-0", "order-1", "order-2",
            ]  # fmt: skip


async def test_large_data_and_the_objects_that_data_names_come_along(tmp_path: Path) -> None:
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        rome, oslo = regions["rome"], regions["oslo"]
        scan = b"scan" * 50_000
        await rome.objects.put_large(scan)
        ref = reference(sha256(scan).hexdigest(), len(scan), "image/png")
        large = b'{"text": "%s"}' % (b"x" * 100_000)
        named = b'{"pages": [{"image": %s}]}' % ref.model_dump_json().encode()
        await place(rome, order(1, large), order(2, named))
        await Link(rome, "out").run_once()
        events = {event.id: event for event in await events_in(oslo)}
        assert (await check_out(events["order-1"], oslo.objects)).data == large
        assert await oslo.objects.get(ref) == scan


async def test_what_is_not_what_its_digest_says_is_rejected_and_on_record(tmp_path: Path) -> None:
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        rome, oslo = regions["rome"], regions["oslo"]
        scan = b"scan" * 50_000
        await rome.objects.put_large(scan)
        ref = reference(sha256(scan).hexdigest(), len(scan), "image/png")
        path = await rome.objects.path(ref)
        path.chmod(0o600)
        path.write_bytes(b"scam" * 50_000)
        named = b'{"image": %s}' % ref.model_dump_json().encode()
        await place(rome, order(1, named), order(2))
        done = await Link(rome, "out").run_once()
        assert done.rejected == {
            "order-1": "an object that it refers to is not what its digest says"
        }
        assert [event.id for event in await events_in(oslo)] == ["order-2"]
        (step,) = await oslo.store.read(
            lambda connection: list(steps_of_subject(connection, "order:1"))
        )
        assert (step.outcome, step.events_out) == ("rejected", ())
        (status,) = await link_statuses(rome)
        assert (status.lag, status.brought, status.rejected) == (0, 1, 1)


LINK_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from lineal.runtime import open_runtime
from lineal_producers.regions.link import Link
from lineal_producers.regions import link, mirror
from tests.producers.regions.three_regions import settings_of

async def main(tmp_path, most, when):
    link._BATCH_SIZE = 10
    seen = 0
    publish = mirror.Mirror._publish

    async def killed(self, pending):
        nonlocal seen
        seen += 1
        if seen == most and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await publish(self, pending)
        if seen == most:
            os.kill(os.getpid(), signal.SIGKILL)

    mirror.Mirror._publish = killed
    out = {"from": "rome", "to": "oslo", "topics": ["order.*"]}
    async with open_runtime(settings_of(tmp_path, out=out)) as runtime:
        await Link(runtime, "out").run_once()

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
"""


async def test_killed_between_target_and_source_it_brings_everything_once(tmp_path: Path) -> None:
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        await place(regions["rome"], *[order(number) for number in range(40)])
    for most, when in ((1, "before"), (1, "after"), (2, "after")):
        arguments = [sys.executable, "-c", LINK_KILLED, str(tmp_path), str(most), when]
        ended = await asyncio.to_thread(subprocess.run, arguments, timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL
    async with open_regions(tmp_path, out=ROME_OSLO) as regions:
        done = await Link(regions["rome"], "out").run_once()
        assert done.known > 0  # what was published last, and not acknowledged
        ids = [event.id for event in await events_in(regions["oslo"])]
        assert sorted(ids) == sorted(f"order-{number}" for number in range(40))
        records = await regions["oslo"].store.read(
            lambda c: [len(list(steps_of_subject(c, f"order:{number}"))) for number in range(40)]
        )
        assert records == [1] * 40


async def test_a_side_that_is_away_is_waited_for(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, out=ROME_OSLO)
    async with open_runtime(settings) as rome:
        await place(rome, order(1))
        link = Link(rome, "out")
        running = asyncio.create_task(link.run())
        try:
            async with asyncio.timeout(180):
                while link.problem is None:
                    await asyncio.sleep(0.02)
                assert "oslo is away" in link.problem
                (status,) = await link_statuses(rome)
                assert status.brought is None and status.lag == 1
                async with open_runtime(settings_of(tmp_path, "oslo")) as oslo:
                    while not (brought := await events_in(oslo)):
                        await asyncio.sleep(0.02)
                    assert [event.id for event in brought] == ["order-1"]
                    while link.problem is not None:
                        await asyncio.sleep(0.02)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_settings_name_regions_that_there_are(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"from": "rome", "to": "mars", "topics": ["a"]}, "no region is called 'mars'"),
        ({"from": "rome", "to": "rome", "topics": ["a"]}, "begins and ends in 'rome'"),
    ]
    for link, problem in bad:
        with pytest.raises(ValidationError, match=problem):
            settings_of(tmp_path, out=link)
