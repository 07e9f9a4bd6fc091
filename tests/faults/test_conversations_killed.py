"""Kill -9 for the daemons that talk, in the middle of many conversations: none is mixed up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_schemas.conversations import FulfilmentRequested, UtteranceReceived, UtteranceReplied
from lineal_schemas.envelope import decode, first_event
from tests.consumers.conversation.surgery import DIALOGUE, FILE

LINEAL = [sys.executable, "-m", "lineal_cli.main"]
PATIENCE_SECONDS = 1800


def _day(person: int) -> str:
    return f"2027-{1 + person % 12:02}-{1 + person % 28:02}"


def _script(person: int) -> list[str]:
    return [
        f"book an appointment with Dr {('Chen', 'Okafor')[person % 2]}",
        _day(person),
        f"complaint number {person}",
        "yes",
    ]


async def _publish(runtime: Runtime, people: int) -> None:
    """All that everybody says, the first of each before the second of any."""
    for turn in range(4):
        events = []
        for person in range(people):
            utterance = UtteranceReceived(
                person=f"p{person}", dialogue=DIALOGUE, channel="web", text=_script(person)[turn]
            )
            event = first_event(utterance, id=f"{person}-{turn}", source="test", actor="user:test")
            events.append((event.type, event))
        await runtime.bus.publish(events)


async def _read(runtime: Runtime, kind: Any) -> list[Any]:
    await runtime.bus.create_topic(kind.type)
    return [decode(delivery.event).data async for delivery in runtime.bus.read(kind.type)]


async def _count(runtime: Runtime) -> int:
    """How many replies there are, without reading them."""
    topics = await runtime.bus.topics()
    return sum(topic.events for topic in topics if topic.topic == UtteranceReplied.type)


async def _talk_through(folder: Path, people: int, kills: int) -> tuple[list[Any], list[Any]]:
    settings = Settings(data=folder / "data", durability="normal")
    (folder / "lineal.toml").write_text(f'[stages.conversation]\nfolder = "{FILE.parent}"\n')
    command = [*LINEAL, "run", "conversation", "--port", "0", "--data", str(folder / "data")]
    async with open_runtime(settings) as runtime:
        await _publish(runtime, people)
        until, wanted = time.monotonic() + PATIENCE_SECONDS, people * 4
        with (folder / "log").open("wb") as log:
            for round in range(kills + 1):
                daemon = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: ASYNC220
                try:
                    target = wanted if round == kills else wanted * (round + 1) // (kills + 2)
                    while await _count(runtime) < target:
                        assert time.monotonic() < until, (folder / "log").read_text()[-3000:]
                        assert daemon.poll() is None, (folder / "log").read_text()[-3000:]
                        await asyncio.sleep(0.2)
                finally:
                    daemon.kill()
                    daemon.wait()
        return await _read(runtime, UtteranceReplied), await _read(runtime, FulfilmentRequested)


def _check(people: int, replies: list[Any], requests: list[Any]) -> None:
    assert Counter(one.person for one in replies) == {f"p{n}": 4 for n in range(people)}
    assert {one.person: one.slots for one in requests} == {
        f"p{n}": {
            "doctor": ("Dr Chen", "Dr Okafor")[n % 2],
            "day": _day(n),
            "reason": f"complaint number {n}",
        }
        for n in range(people)
    }
    assert len(requests) == len({one.fulfilment_id for one in requests}) == people


def test_conversations_survive_a_kill(tmp_path: Path) -> None:
    _check(12, *asyncio.run(_talk_through(tmp_path, 12, kills=1)))


@pytest.mark.long
def test_a_thousand_conversations_survive_kills(tmp_path: Path) -> None:
    _check(1000, *asyncio.run(_talk_through(tmp_path, 1000, kills=5)))
