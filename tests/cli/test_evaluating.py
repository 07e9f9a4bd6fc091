"""``lineal model evaluate`` and the stages that evaluate, on labelled documents."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal.daemon import Daemon
from lineal.lineage.record import digest
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import find_stages
from lineal.store.objects import reference
from lineal_catalog.models.promotions import model_in_use
from lineal_cli.fleet_reporter import FleetReporter
from lineal_schemas.documents import DocumentLabelled
from tests.cli.processes import lineal
from tests.conformance.harness import events_on, payload_of, publish, records, until, until_settled

STAGES = ["retrain", "retrain.train", "retrain.evaluate", "retrain.promote"]
TEXTS = {
    "invoice": "invoice number {n} amount due net total payment terms thirty days bank account",
    "letter": "dear madam thank you for your kind letter of {n} may yours sincerely best wishes",
    "report": "annual report {n} of turbine inspection findings measured vibration conclusions",
}


class Archive:
    """Labelled documents in a data folder, and the stages that learn from them at work."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.lines: list[str] = []
        """What ``lineal up`` says meanwhile."""
        self._labelled = 0

    async def learn(self, documents: int) -> None:
        """Have so many further documents labelled and a version trained from all of them."""
        for number in range(self._labelled, self._labelled + documents):
            label = sorted(TEXTS)[number % len(TEXTS)]
            text = TEXTS[label].format(n=number).encode()
            await self.runtime.objects.put_large(text)
            ref = reference(digest(text), len(text), "text/plain")
            await publish(
                self.runtime,
                DocumentLabelled(
                    document_id=f"d{number}", label=label, text=ref, by="ann", labelled_us=number
                ),
            )
        self._labelled += documents
        await self.settled()
        trained = await self.command("train", "documents", "--wait", "60")
        assert trained.returncode == 0, trained.stderr
        await self.settled()
        await asyncio.sleep(1.2)  # a promotion is noticed within a second

    async def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``lineal model`` in a process of its own."""
        folder = self.runtime.settings.data
        return await asyncio.to_thread(lineal, folder, "model", *arguments, "--data", str(folder))

    async def settled(self) -> None:
        for name in STAGES:  # in the order in which one gives to the next
            await until_settled(self.runtime, name)

    async def told(self, topic: str) -> list[Any]:
        return [payload_of(event) for event in await events_on(self.runtime, topic)]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    settings = Settings(data=tmp_path, durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, find_stages(STAGES))
        await daemon.start()
        opened = Archive(runtime)
        reporter = FleetReporter(runtime, lambda _, line, __: opened.lines.append(line))
        reporting = asyncio.create_task(reporter.run())
        try:
            yield opened
        finally:
            reporting.cancel()
            await daemon.stop()


async def test_a_model_is_evaluated_anew_and_the_outcome_kept_without_any_promotion(
    archive: Archive,
) -> None:
    await archive.learn(30)
    await archive.learn(30)
    (_, newest) = await archive.told("model.dataset")

    evaluated = await archive.command("evaluate", "documents", "1", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    found = orjson.loads(evaluated.stdout)
    assert (found["model"]["version"], found["champion"]["version"]) == (1, 2)
    assert found["dataset"] == newest.dataset
    assert found["metrics"].keys() == found["champion_metrics"].keys()
    assert found["passed"]

    await archive.settled()
    assert len(await archive.told("model.promoted")) == 2
    in_use = await archive.runtime.store.read(lambda c: model_in_use(c, "documents"))
    assert in_use is not None
    assert in_use.version == 2
    kinds = [record.kind for record in await records(archive.runtime, "model:documents")]
    assert (kinds.count("train"), kinds.count("evaluate")) == (2, 3)
    recorded = await archive.command("evaluate", "documents", "1", "--recorded", "--json")
    assert orjson.loads(recorded.stdout) == found
    await until(lambda: "documents 1 is evaluated again" in archive.lines)


async def test_the_model_in_use_is_not_said_to_have_failed_for_not_being_promoted(
    archive: Archive,
) -> None:
    await archive.learn(30)
    evaluated = await archive.command("evaluate", "documents")
    assert evaluated.returncode == 0, evaluated.stderr
    assert evaluated.stdout.startswith("documents 1  champion  dataset ")
    assert "accuracy" in evaluated.stdout
    assert "failed" not in evaluated.stdout
    assert "evaluating documents 1" in evaluated.stderr
    shown = await archive.command("show", "documents")
    assert "evaluated: champion" in shown.stdout
    await until(
        lambda: any("documents 1 is the champion: accuracy=1" in line for line in archive.lines)
    )


async def test_a_card_says_what_the_ledger_knows_and_the_model_is_made_again_bit_for_bit(
    archive: Archive, tmp_path: Path
) -> None:
    await archive.learn(30)
    written = await archive.command("card", "documents", "--out", str(tmp_path / "card.md"))
    assert written.returncode == 0, written.stderr
    page = (tmp_path / "card.md").read_text()
    for expected in (
        "# documents 1", "status: in use", "| learnt from | 25 | 25 | 25 | invoice 9, letter 8",
        "| evaluated on | 5 |", "| accuracy | 1 |", "| accuracy | 1 | at least | 0.6 | passed |",
        "promoted by stage:retrain.promote", '"kind": "documents"', "scikit-learn",
    ):  # fmt: skip
        assert expected in page
    made = await archive.command("card", "documents", "--json")
    card = orjson.loads(made.stdout)
    assert card["data"]["test"]["items"] == 5
    assert card["changes"][0]["counter"] == 1
    again = await archive.command("reproduce", "documents", "--json")
    found = orjson.loads(again.stdout)
    assert (again.returncode, found["same"], found["sha256"]) == (0, True, card["sha256"])
