"""``lineal lineage`` for other tools, and what was made with a model, by a person, or from it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import orjson
import pytest
from rdflib import Graph
from rdflib.compare import isomorphic

from lineal.effects.records import lineage_records
from lineal.lineage.ledger import stored_bytes
from lineal.lineage.record import Artifact, Build, UsedArtifact, digest
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_cli.lineage_selection import select_by, select_forwards
from lineal_cli.reading import reading_folder
from tests.cli.conftest import Lineal, id_of
from tests.lineage.exports.test_openlineage import assert_valid
from tests.lineage.exports.test_prov import broken
from tests.lineage.records import one_step
from tests.proof.verifying import tampering

ODD = 'user:zoë "z" \x01'
WEIGHTS = UsedArtifact("letters", "2", digest(b"weights"))


@pytest.fixture
def learnt(tmp_path: Path) -> Path:
    """A data folder in which Ann made a data set, a model was trained on it, and was used."""
    folder = tmp_path / "data"

    def item(name: str, role: str) -> Artifact:
        return Artifact(digest(name.encode()), "application/json", 1, role)

    records = [
        one_step("dataset:d", actor="user:ann", kind="label", started=1,
                 outputs=[item("labels", "dataset")]),
        one_step("model:letters", Build("train", "1", "c" * 64, "f" * 64), kind="train", started=2,
                 inputs=[item("labels", "dataset")], outputs=[item("weights", "model")]),
        one_step("document:x", Build("classify", "1", "c" * 64, "f" * 64, (WEIGHTS,)), started=3,
                 outputs=[item("class", "class")]),
        one_step("document:y", Build("classify", "1", "c" * 64, "f" * 64), started=4,
                 outputs=[item("other", "class")]),
        one_step("document:y", actor=ODD, kind="label", started=5),
    ]  # fmt: skip

    async def fill() -> None:
        async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
            for record in records:
                await runtime.committer.publish((), lineage_records([record]))

    asyncio.run(fill())
    return folder


def test_run_events_of_a_document_are_valid_openlineage(lineal: Lineal, filled: Path) -> None:
    answer = lineal("lineage", "letter.txt", "--data", filled, "--format", "openlineage")
    events = [orjson.loads(line) for line in answer.out.splitlines()]
    steps = lineal("lineage", "letter.txt", "--data", filled, "--json").json
    assert len(events) == len(steps)
    assert_valid(events)
    broken = lineal("lineage", "broken.txt", "--data", filled, "--format", "openlineage")
    assert b'"FAIL"' in broken.out


def test_provenance_is_written_to_a_file_in_both_forms(
    lineal: Lineal, filled: Path, tmp_path: Path
) -> None:
    asked = ("lineage", "letter.txt", "--data", filled, "--format")
    assert lineal(*asked, "prov-o", "-o", tmp_path / "letter.ttl").out == b""
    graph = Graph().parse(tmp_path / "letter.ttl")
    assert broken(graph) == []
    written = lineal(*asked, "json-ld").out
    assert isomorphic(graph, Graph().parse(data=written, format="json-ld"))
    activities = "SELECT DISTINCT ?a { ?a a prov:Activity }"
    assert len(graph.query(activities)) == len(lineal(*asked, "prov-json").json["activity"])
    assert f"document:{id_of('letter.txt')}" in str(lineal(*asked, "prov-json").json["entity"])


def test_of_an_erased_document_its_erasure_is_exported_and_no_name(
    lineal: Lineal, data: Path
) -> None:
    document = id_of("letter.txt")
    erased = lineal("erase", document, "--yes", "--reason", "asked for", "--data", data)
    assert erased.code == 0, erased.err
    asked = ("lineage", document, "--data", data, "--format")
    provenance = lineal(*asked, "prov-json")
    (invalidated,) = provenance.json["wasInvalidatedBy"].values()
    assert invalidated["prov:entity"] == f"subject:document:{document}"
    events = lineal(*asked, "openlineage").out
    assert_valid([orjson.loads(line) for line in events.splitlines()])
    assert b'"DROP"' in events
    words = (b"letter.txt", b"ada", b"bert", b"turbine")
    for written in (provenance.out, events):
        # As words: digests have the letters of some names.
        assert not [word for word in words if re.search(rb"\b%s\b" % re.escape(word), written)]


def test_mermaid_is_the_same_under_both_names(lineal: Lineal, filled: Path) -> None:
    asked = ("lineage", "note.txt", "--data", filled)
    drawn = lineal(*asked, "--format", "mermaid")
    assert drawn.text.startswith("flowchart")
    assert drawn.out == lineal(*asked, "--mermaid").out


def subjects(lineal: Lineal, data: Path, *asked: str) -> list[str]:
    return [
        step["correlation_id"] for step in lineal("lineage", *asked, "--data", data, "--json").json
    ]


@pytest.mark.parametrize("named", ["letters", "letters:2", WEIGHTS.sha256])
def test_what_was_made_with_a_model(lineal: Lineal, learnt: Path, named: str) -> None:
    assert subjects(lineal, learnt, "--made-with", named) == ["document:x"]


def test_a_model_that_nothing_was_made_with_is_said_with_those_that_are_there(
    lineal: Lineal, learnt: Path
) -> None:
    answer = lineal("lineage", "--made-with", "letters:7", "--data", learnt)
    assert answer.code == 1
    assert "models used: letters" in answer.err


def test_what_a_person_did(lineal: Lineal, learnt: Path) -> None:
    assert subjects(lineal, learnt, "--by", "ann") == ["dataset:d"]
    assert subjects(lineal, learnt, "--by", "user:ann") == ["dataset:d"]
    assert "dataset:d" in lineal("lineage", "--by", "ann", "--data", learnt).text
    assert subjects(lineal, learnt, "--by", ODD) == ["document:y"]
    assert lineal("lineage", "--by", "an", "--data", learnt).code == 1


def test_what_followed_from_it(lineal: Lineal, learnt: Path) -> None:
    followed = ["dataset:d", "model:letters", "document:x"]
    assert subjects(lineal, learnt, "dataset:d", "--forwards") == followed
    assert subjects(lineal, learnt, "--by", "ann", "--forwards") == followed
    assert subjects(lineal, learnt, "model:letters", "--forwards") == followed[1:]


def test_a_limit_of_what_followed_is_said(learnt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with reading_folder(learnt) as connection:
        found = select_forwards(connection, select_by(connection, "ann"), limit=2)
    assert [step.subject for step in found.steps] == ["dataset:d", "model:letters"]
    assert "only the first 2 steps" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [["--made-with", "letters"], ["--by", "ann"]])
def test_a_record_that_was_changed_is_not_shown(
    lineal: Lineal, learnt: Path, asked: list[str]
) -> None:
    with tampering(learnt) as connection:
        rows = connection.execute("SELECT seq, record FROM ledger").fetchall()
        for seq, kept in rows:
            changed = stored_bytes(bytes(kept)).replace(b"host/1", b"host/2")
            connection.execute("UPDATE ledger SET record = ? WHERE seq = ?", (changed, seq))
    answer = lineal("lineage", *asked, "--data", learnt)
    assert answer.code == 1
    assert "is not the one that was logged" in answer.err


@pytest.mark.parametrize(
    "wrong",
    [
        ["note.txt", "--by", "ann"],
        ["note.txt", "--format", "openlineage", "--json"],
        ["note.txt", "--format", "n-quads"],
        ["note.txt", "-o", "file"],
        ["--object", "0" * 64, "--format", "prov-o"],
        ["anomaly:7", "--forwards"],
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    lineal: Lineal, filled: Path, wrong: list[str]
) -> None:
    assert lineal("lineage", "--data", filled, *wrong).code == 2
