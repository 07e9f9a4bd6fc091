"""Jobs of a manifest in three regions, one of which is killed; and the run itself killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import RecordedStep
from lineal.runtime import open_runtime
from lineal.store.connection import Connection
from lineal_producers.regions.manifest import BadManifest, read_manifest
from tests.producers.regions.three_regions import REGIONS, events_in, settings_of

SETTINGS = """
data = "rome"
[regions]
here = "rome"
[regions.buses.oslo]
data = "oslo"
[regions.buses.bonn]
data = "bonn"
"""


@contextmanager
def worker(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A daemon of a region."""
    command = [sys.executable, "-m", "tests.producers.regions.region_worker", str(data), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def jobs(folder: Path, *wanted: dict[str, Any]) -> Path:
    """A manifest, and the settings beside it."""
    (folder / "lineal.toml").write_text(SETTINGS)
    lines = [{"type": "text.sent", "answer": "text.counted", **each} for each in wanted]
    manifest = folder / "jobs.jsonl"
    manifest.write_text("\n".join(json.dumps(line) for line in lines))
    return manifest


def started(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lineal_cli.main", "regions", "run", "jobs.jsonl", *options]
    environment = {**os.environ, "LINEAL_DURABILITY": "normal"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def _steps(connection: Connection, subject: str) -> list[RecordedStep]:
    return list(steps_of_subject(connection, subject))


async def counts(tmp_path: Path, name: str, topic: str) -> Counter[str]:
    async with open_runtime(settings_of(tmp_path, name)) as runtime:
        return Counter(event.id for event in await events_in(runtime, topic))


async def test_jobs_go_to_their_regions_and_elsewhere_when_one_is_killed(tmp_path: Path) -> None:
    jobs(
        tmp_path,
        {"id": "a", "data": {"text": "one"}, "region": "oslo"},
        {"id": "b", "data": {"text": "one two"}, "region": ["bonn", "oslo"]},
        {"id": "c", "data": {"text": "one two three"}},
    )
    with worker(tmp_path / "oslo"), worker(tmp_path / "bonn", "mute") as bonn:
        run = started(
            tmp_path, "--json", "--away", "1", "--parallel", "3", "--answer-seconds", "90"
        )
        assert run.stderr is not None
        lines = []
        for line in run.stderr:
            lines.append(line.strip())
            if line.startswith("b: to bonn"):
                bonn.kill()
                break
        printed, rest = await asyncio.to_thread(run.communicate, timeout=120)
    assert run.returncode == 0, (lines, rest)
    answers = {job["job"]: job for job in json.loads(printed)["jobs"]}
    assert [answers[name]["data"]["words"] for name in "abc"] == [1, 2, 3]
    assert [answers[name]["region"] for name in "ab"] == ["oslo", "oslo"]
    assert answers["b"]["attempts"] == 2
    assert set((await counts(tmp_path, "rome", "region.job_done")).values()) == {1}
    async with open_runtime(settings_of(tmp_path, "oslo")) as oslo:
        given = {event.id: event for event in await events_in(oslo, "text.sent")}
        for event in given.values():
            (linked, *_) = await oslo.store.read(partial(_steps, subject=event.correlationid))
            assert (linked.kind, linked.attributes["from"]) == ("link", "rome")
            assert linked.events_out == (event.id,)


async def test_a_run_that_is_killed_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    jobs(
        tmp_path,
        *[{"id": str(n), "data": {"text": "word " * n, "pause": 0.05}} for n in range(1, 7)],
    )
    with worker(tmp_path / "oslo"), worker(tmp_path / "bonn"):
        for after in ("1: to", "done by"):
            run = started(tmp_path)
            assert run.stdout is not None
            for line in run.stdout:
                if after in line:
                    run.send_signal(signal.SIGKILL)
                    break
            await asyncio.to_thread(run.communicate)
        run = started(tmp_path, "--json")
        printed, problems = await asyncio.to_thread(run.communicate, timeout=120)
    assert run.returncode == 0, problems
    answers = json.loads(printed)["jobs"]
    assert [job["data"]["words"] for job in answers] == [1, 2, 3, 4, 5, 6]
    assert [job["attempts"] for job in answers] == [1] * 6
    done = await counts(tmp_path, "rome", "region.job_done")
    assert len(done) == 6 and set(done.values()) == {1}
    sent = [await counts(tmp_path, name, "text.sent") for name in ("oslo", "bonn")]
    assert set((sent[0] + sent[1]).values()) == {1} and len(sent[0] + sent[1]) == 6


def test_a_manifest_says_which_line_is_wrong() -> None:
    good = '{"id": "a", "type": "text.sent", "data": {}, "answer": "text.counted"}\n'
    for line, problem in (
        (good, "line 2: there is a job 'a' already"),
        (good.replace('"a"', '"b", "region": "mars"'), "no region is called 'mars'"),
        ('{"id": "b"}', "line 2: type Field required"),
        ("nothing", "line 2:"),
    ):
        with pytest.raises(BadManifest, match=problem):
            read_manifest(good + line, REGIONS)
    with pytest.raises(BadManifest, match="no job"):
        read_manifest("\n", REGIONS)
    assert read_manifest(good, REGIONS).run == read_manifest(good, REGIONS).run
