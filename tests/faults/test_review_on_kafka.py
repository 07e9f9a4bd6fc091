"""Reviews as they are deployed: events on Kafka, the queue in Postgres, each part its own process.

What a person entered outlives kill -9 of the service and of the stage, wherever it happens; an
answer counts once, however often it is sent; two people are told of each other.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from lineal_local.kafka import Kafka
from tests.faults.system import PATIENCE_SECONDS
from tests.lineal_process import LinealProcess, run_lineal

STAGES = ("register", "classify", "ocr.scatter", "ocr", "ocr.gather", "nlp", "review", "index")


@dataclass
class Deployed:
    """Processes that share a broker and a database."""

    folder: Path
    variables: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    url: str = ""

    def lineal(self, *arguments: str) -> str:
        done = run_lineal(
            list(arguments),
            cwd=self.folder,
            env=os.environ | self.variables,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str, *arguments: str) -> None:
        """Start a process, and wait until it says that it is ready."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = LinealProcess[bytes](
                [*arguments, "--json"],
                cwd=self.folder,
                env=os.environ | self.variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.running[name] = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (self.folder / f"{name}.log").read_text()[-2000:]
        self.url = json.loads(line).get("url") or self.url

    def start_service(self) -> None:
        self.start("http", "produce", "http", "--port", "0")

    def start_stages(self) -> None:
        self.start("stages", "run", *STAGES, "--workers", "1")

    def kill(self, name: str) -> None:
        """``kill -9``."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def person(self, name: str) -> httpx.Client:
        token = json.loads(
            self.lineal("token", "create", name, "--scope", "read,review,upload", "--json")
        )
        return httpx.Client(
            base_url=self.url, timeout=30, headers={"authorization": f"Bearer {token['token']}"}
        )


@pytest.fixture
def deployed(tmp_path: Path, kafka: Kafka, postgres_url: str) -> Iterator[Deployed]:
    system = Deployed(
        tmp_path,
        {
            "LINEAL_BUS": f"kafka://{kafka.bootstrap}",
            "LINEAL_STORE": postgres_url,
            "LINEAL_DATA": str(tmp_path / "data"),
            "LINEAL_PARTITIONS": "2",
            "LINEAL_KAFKA__PREFIX": f"r{uuid4().hex[:10]}.",
            "LINEAL_KAFKA__SESSION_SECONDS": "3",
            "LINEAL_KAFKA__TRANSACTION_SECONDS": "5",
            "LINEAL_STAGES": json.dumps({"review": {"four_eyes_targets": ["text"]}}),
            "LINEAL_LOG_LEVEL": "warning",
        },
    )
    try:
        yield system
    finally:
        for name in list(system.running):
            with contextlib.suppress(OSError):
                system.kill(name)


def events(system: Deployed, topic: str) -> list[dict[str, object]]:
    """All events of a topic."""
    lines = system.lineal("tail", topic, "--from", "beginning", "--no-follow", "--json")
    return [json.loads(line) for line in lines.splitlines()]


def until(true: Callable[[], object]) -> None:
    """Wait until something is so; that it never is is the failure, not that it takes long."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < PATIENCE_SECONDS, "it never became so"
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_answers_survive_kills_and_count_once_on_kafka(deployed: Deployed) -> None:
    deployed.lineal("topics", "create", "--all")
    deployed.start_stages()
    deployed.start_service()
    ann, bob = deployed.person("ann"), deployed.person("bob")
    sent = ann.post("/documents", files={"file": ("a.txt", b"greetings from the coast")})
    assert sent.status_code == 202, sent.text
    until(lambda: ann.get("/reviews").json())
    [item] = ann.get("/reviews").json()
    path = f"/reviews/{item['item']}"

    # Whoever takes it has it; the other is told, and what they enter is kept as well.
    assert ann.post("/reviews/next").json()["taken"]["by"] == "token:ann"
    told = bob.post(f"{path}/take")
    assert (told.status_code, told.json()["by"]) == (409, "token:ann")
    assert ann.put(f"{path}/draft", json={"document_class": "postcard"}).status_code == 200
    deployed.kill("http")  # with a draft that was answered
    deployed.start_service()
    for client in (ann, bob):
        client.base_url = deployed.url
    assert ann.get(path).json()["draft"]["value"]["document_class"] == "postcard"
    assert bob.post(f"{path}/take").status_code == 409

    # The stage is dead while the answer is given, and the service dies behind it.
    deployed.kill("stages")
    said = {"value": {"document_class": "postcard"}}
    made = ann.post(f"{path}/complete", json=said)
    assert made.status_code == 200, made.text
    deployed.kill("http")
    deployed.start_service()
    deployed.start_stages()
    for client in (ann, bob):
        client.base_url = deployed.url
    for _ in range(3):  # as a browser that got no answer sends it again
        assert ann.post(f"{path}/complete", json=said).json()["by"] == "token:ann"
    second = bob.post(f"{path}/complete", json={"value": {"document_class": "letter"}})
    assert (second.status_code, second.json()["by"]) == (409, "token:ann")
    until(lambda: ann.get("/search?q=greetings&filter=class=postcard").json())
    assert len(events(deployed, "review.completed")) == 1
    assert ann.get("/reviews").json() == []

    # Four eyes: neither sees the other's answer, and what both say alike decides.
    asked = ann.post("/reviews", json={"document_id": item["document_id"], "target": "text"})
    assert asked.status_code == 202, asked.text
    until(lambda: ann.get("/reviews?target=text").json())
    [item] = ann.get("/reviews?target=text").json()
    path = f"/reviews/{item['item']}/complete"
    read = {"value": {"pages": [{"page": 1, "text": "Greetings from the harbour"}]}}
    assert ann.post(path, json=read).json()["type"] == "review.opinion"
    deployed.kill("stages")
    deployed.start_stages()
    assert ann.post(path, json=read).json()["type"] == "review.opinion"
    assert bob.get(f"/reviews/{item['item']}").json()["opinions"] == []
    assert bob.post(path, json=read).json()["type"] == "review.completed"
    until(lambda: ann.get("/search?q=harbour&filter=class=postcard").json())
    assert ann.get("/search?q=coast").json() == []
    assert len(events(deployed, "review.completed")) == 2
    assert len(events(deployed, "review.opinion")) == 1
