"""A stage's version or configuration changes between two starts of ``lineal up``: replaying what
is stale redoes exactly that, beside what is live."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import NewSystem
from tests.faults.files import PROSE, text_pdf
from tests.faults.system import System

OLD = [f"old-{number}.txt" for number in range(5)] + ["old.pdf"]
NEW = ["new-0.txt", "new-1.txt"]


@pytest.fixture(scope="module")
def stopped(new_system: NewSystem, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A system that has ended after some documents, in which stages may be given other versions."""
    site = tmp_path_factory.mktemp("site")
    source = Path(__file__).with_name("changed_world.py").read_bytes()
    (site / "sitecustomize.py").write_bytes(source)
    system = new_system(variables={"PYTHONPATH": str(site), "LINEAL_WORKERS": "1"})
    system.start()
    drop(system, OLD)
    assert system.stop() == 0
    return system


@pytest.fixture
def system(stopped: System, new_system: NewSystem) -> Iterator[System]:
    """One with a copy of its data, not started."""
    system = new_system(variables=dict(stopped.variables))
    shutil.copytree(stopped.data, system.data)
    yield system
    system.kill()


def drop(system: System, names: list[str]) -> None:
    for name in names:
        text = f"Orchard report on {name.partition('.')[0]}. {PROSE * 3}"
        content = text_pdf([text] * 2) if name.endswith(".pdf") else text.encode()
        (system.inbox / name).write_bytes(content)
    system.until_final(names)
    system.until_settled()
    assert {system.document(name).status for name in names} == {"indexed"}


def start_with(system: System, **variables: Any) -> None:
    """Start with other variables: values are written as JSON."""
    system.variables.update({name: json.dumps(value) for name, value in variables.items()})
    system.start()


def replay(system: System, stage: str, *more: str) -> dict[str, int]:
    answer = system.lineal("replay", "--stage", stage, "--stale", "--json", *more)
    assert answer.code == 0, answer.err
    (summary,) = answer.json["stages"]
    return {name: count for name, count in summary.items() if name != "stage" and count}


def outcomes_since(system: System, seen: int) -> dict[str, dict[str, int]]:
    """By stage: how its records ended, of those after the first so many."""
    counts: dict[str, Counter[str]] = {}
    for record in system.records()[seen:]:
        if record.build is not None:
            counts.setdefault(record.build.stage, Counter())[record.outcome] += 1
    return {stage: dict(count) for stage, count in counts.items()}


def found(system: System) -> set[str]:
    status, answer = system.get("/search?q=orchard&limit=100")
    assert status == 200
    return {hit["name"] for hit in answer}


def test_exactly_the_documents_of_the_older_version_are_redone(system: System) -> None:
    start_with(system, OTHER_VERSIONS={"nlp": "3"})
    drop(system, NEW)
    seen = len(system.records())
    stale = {system.document(name).document_id for name in OLD}

    assert replay(system, "nlp", "--dry-run") == {"events": len(OLD)}
    assert len(system.records()) == seen

    assert replay(system, "nlp") == {"events": len(OLD), "done": len(OLD)}
    system.until_settled()
    redone = [
        (record.subject.removeprefix("document:"), record.build.version)
        for record in system.records()[seen:]
        if record.build is not None and record.build.stage == "nlp"
    ]
    assert sorted(redone) == sorted((document_id, "3") for document_id in stale)
    assert replay(system, "nlp") == {}


def test_search_answers_while_a_replay_goes_on(system: System) -> None:
    start_with(system, OTHER_VERSIONS={"nlp": "3"})
    command = [sys.executable, "-m", "lineal_cli.main", "replay", "--stage", "nlp", "--stale"]
    with subprocess.Popen(command, cwd=system.folder, env=system.environment()) as replaying:
        while replaying.poll() is None:
            assert found(system) == set(OLD)
    assert replaying.returncode == 0
    drop(system, NEW)
    assert found(system) == {*OLD, *NEW}
    with system.connection() as connection:
        entries = connection.execute("SELECT document_id, page FROM search_entries").fetchall()
    assert len(entries) == len(set(entries)) == len(OLD) + len(NEW) + 1
    assert {document.status for document in system.documents()} == {"indexed"}


def test_a_changed_configuration_makes_stale_and_changing_it_back_is_free(system: System) -> None:
    start_with(system, LINEAL_STAGES={"nlp": {"key_phrase_count": 3}})
    assert replay(system, "nlp") == {"events": len(OLD), "done": len(OLD)}
    assert replay(system, "nlp", "--dry-run") == {}

    assert system.stop() == 0
    start_with(system, LINEAL_STAGES={})
    assert replay(system, "nlp") == {"events": len(OLD), "memoised": len(OLD)}


def test_work_after_an_output_that_did_not_change_is_not_done_again(system: System) -> None:
    start_with(system, OTHER_VERSIONS={"classify": "2"})
    seen = len(system.records())
    assert replay(system, "classify") == {"events": len(OLD), "done": len(OLD)}
    system.until_settled()

    count = len(OLD)
    assert outcomes_since(system, seen) == {
        "classify": {"done": count},
        "ocr.attachments": {"memoised": 1, "skipped": count - 1},
        "ocr.scatter": {"memoised": count},
        "ocr": {"memoised": count},
        "ocr.gather": {"memoised": count},
        "nlp": {"memoised": count},
        "fields": {"memoised": count},
        "embed": {"done": count},
        "entities": {"done": count},
        "review": {"skipped": 2 * count},  # a reading, and an analysis
        "split": {"skipped": count},
        "packages.gather": {"skipped": count},
        "index": {"done": count},
    }
    assert found(system) == set(OLD)


def test_a_clock_that_was_set_back_hides_nothing(system: System) -> None:
    start_with(system, OTHER_VERSIONS={"nlp": "3"}, CLOCK_BACK=3600)
    drop(system, NEW)

    assert replay(system, "nlp") == {"events": len(OLD), "done": len(OLD)}
    system.until_settled()
    assert found(system) == {*OLD, *NEW}
    assert {document.status for document in system.documents()} == {"indexed"}
