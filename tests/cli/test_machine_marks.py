"""``lineal machine mark``: what people say of a machine's times holds until they take it back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lineal.events_on_topic import read_admitted
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_catalog.devices.register import STAGE, Device
from lineal_consumers.review.stage import review
from lineal_schemas.anomalies import AnomalyOpened, MachineMarked
from lineal_schemas.envelope import decode, first_event
from lineal_schemas.models import ModelRef
from lineal_schemas.reviews import AnomalyReviewed
from tests.cli.conftest import Lineal
from tests.conformance.harness import running, until_settled


@pytest.fixture
def data(working: Path) -> Path:
    """A data folder that knows a pump."""

    async def fill() -> None:
        pump = Device(device="pump-1", last_seen=1).model_dump_json().encode()
        async with open_runtime(Settings(data=working / "data", durability="normal")) as runtime:
            await runtime.store.write(
                lambda c: c.execute(
                    "INSERT INTO state (stage, name, event_id, before, after) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (STAGE, "pump-1", "", None, pump),
                )
            )

    asyncio.run(fill())
    return working / "data"


def test_a_time_is_marked_listed_and_taken_back(data: Path, lineal: Lineal) -> None:
    span = ("--from", "2026-11-28T09:00+01:00", "--to", "2026-11-28T11:30+01:00")
    made = lineal("machine", "mark", "pump-1", *span, "--fault", "bearing", "--json").json
    assert made["to_us"] - made["from_us"] == 9_000_000_000
    assert "marked: normal" in lineal("machine", "mark", "pump-1", "--from", "2h", "--normal").text
    known = lineal("machine", "marks", "--json").json
    assert [mark["fault"] for mark in known] == ["bearing", None]
    assert known[0]["by"]

    assert lineal("machine", "mark", "--withdraw", made["mark"][:8]).code == 0
    assert [mark["fault"] for mark in lineal("machine", "marks", "--json").json] == [None]

    async def published() -> list[bool]:
        async with open_runtime(Settings(data=data)) as runtime:
            marks = [decode(item.event).data async for item in runtime.bus.read("machine.marked")]
            return [mark.withdrawn for mark in marks if isinstance(mark, MachineMarked)]

    assert asyncio.run(published()) == [False, False, True]


@pytest.mark.usefixtures("data")
def test_what_cannot_be_marked_is_refused_with_a_reason(lineal: Lineal) -> None:
    refused: list[tuple[tuple[str, ...], int, str]] = [
        (("pump-2", "--from", "2h", "--normal"), 1, "no device 'pump-2'"),
        (("pump-1", "--from", "2h"), 2, "--fault KIND or --normal"),
        (("pump-1", "--from", "2026-11-28T09:00", "--normal"), 2, "has no zone"),
        (("pump-1", "--from", "1h", "--to", "2h", "--normal"), 2, "ends before it begins"),
        (("pump-1", "--from", "2h", "--fault", "Bearing!"), 1, "no name of a fault"),
        (("--withdraw", "abc"), 1, "there is no mark 'abc'"),
    ]
    for words, code, why in refused:
        result = lineal("machine", "mark", *words)
        told = " ".join(result.err.replace("│", "").split())
        assert (result.code, why in told) == (code, True), f"{words}: {told}"
    assert lineal("machine", "marks", "--json").json == []


def test_an_alarm_that_does_not_end_is_answered_by_one_command(data: Path, lineal: Lineal) -> None:
    async def open_anomaly() -> None:
        opened = AnomalyOpened(
            device="pump-1", anomaly_id="a1", detector="bus",
            model=ModelRef(name="pump", version=1, sha256="0" * 64), threshold=1.0,
            boot_id="0" * 32, first_seq=1, last_seq=2, wall_us=1, score=2.0, contributions=(),
        )  # fmt: skip
        async with open_runtime(Settings(data=data)) as runtime:
            event = first_event(opened, id="a1", source="test")
            await runtime.bus.publish([(event.type, event)])
            async with running(runtime, review):
                await until_settled(runtime, "review")

    async def said() -> list[AnomalyReviewed]:
        async with open_runtime(Settings(data=data)) as runtime:
            async with running(runtime, review):
                await until_settled(runtime, "review")
            return [decode(one.event).data async for one in runtime.bus.read("anomaly.reviewed")]  # type: ignore[misc]

    asyncio.run(open_anomaly())
    refused = lineal("machine", "answer", "pump-1")
    assert refused.code == 2
    assert "--normal or --fault KIND" in refused.err
    refused = lineal("machine", "answer", "pump-2", "--normal")
    assert (refused.code, "nothing waits" in refused.err) == (1, True)
    assert "bearing" in lineal("machine", "answer", "pump-1", "--fault", "bearing").text
    [judged] = asyncio.run(said())
    assert (judged.anomaly_id, judged.verdict, judged.fault) == ("a1", "anomaly", "bearing")
    [mark] = lineal("machine", "marks", "--json").json
    assert mark["fault"] == "bearing"


def test_each_mistake_of_a_file_is_a_line_of_its_own(working: Path, lineal: Lineal) -> None:
    (working / "p.toml").write_text('devices = "p-1"\n[channels.p]\nunits = "bar"\n')
    refused = lineal("machine", "check", "p.toml")
    assert refused.code == 1
    assert [line.split(": ")[1] for line in refused.err.splitlines()] == ["p.toml:1", "p.toml:3"]


def test_a_proposal_keeps_its_name_in_a_file_of_another(working: Path, lineal: Lineal) -> None:
    (working / "p.csv").write_text("time,p\n" + "".join(f"{n},{n % 7}.5\n" for n in range(30)))
    assert lineal("machine", "new", "p.csv", "--name", "pump", "-o", "Meine Pumpe.toml").code == 0
    assert "pump, 1 of 1 scored" in lineal("machine", "check", "Meine Pumpe.toml").text


def test_what_does_not_fit_its_type_hides_nothing_that_does(data: Path, lineal: Lineal) -> None:
    """Whoever writes to a topic beside lineal can put there what no stage would take."""
    lineal("machine", "mark", "pump-1", "--from", "2h", "--normal")

    async def scribble() -> None:
        async with open_runtime(Settings(data=data)) as runtime:
            async for delivery in runtime.bus.read("machine.marked"):
                good = delivery.event
            bad = [
                good._replace(id="bad-1", data=b'{"device": "pump-1"}'),
                good._replace(id="bad-2", data=b"{"),
                good._replace(id="bad-3", datacontenttype="text/plain"),
                good._replace(id="foreign", type="acme.note", dataschema=None),
            ]
            await runtime.bus.publish([("machine.marked", event) for event in bad])
            read = [one.event.id async for one in read_admitted(runtime, "machine.marked")]
            assert read == [good.id, "foreign"]

    asyncio.run(scribble())
    assert [mark["device"] for mark in lineal("machine", "marks", "--json").json] == ["pump-1"]
