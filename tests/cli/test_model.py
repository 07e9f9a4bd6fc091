"""``lineal model``, ``label``, ``simulate`` and the lineage of devices and models."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, Record, digest
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import put_small_objects, reference
from lineal_cli.iteration import evaluation_of, outcome_of
from lineal_cli.options import CommandFailed
from lineal_consumers.retrain.stage import retrain
from lineal_schemas.envelope import decode, now_us
from lineal_schemas.models import (
    Gate,
    ModelDataset,
    ModelEvaluated,
    ModelRef,
    ModelTrained,
    ModelTrainingRequested,
    Provenance,
)
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TelemetryReadings
from tests.cli.conftest import Lineal, id_of
from tests.conformance.harness import events_on, publish, running, until_settled
from tests.lineage.records import one_step

MODELS = [f"model {version}".encode() for version in (1, 2, 3)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which three versions of a model were trained, two of them evaluated."""
    folder = tmp_path / "data"
    asyncio.run(_train(folder))
    return folder


async def _train(folder: Path) -> None:
    async with open_runtime(Settings(data=folder, durability="normal")) as runtime:
        for version, content in enumerate(MODELS, 1):
            sha256 = digest(content)
            ref = reference(sha256, len(content), "application/x-onnx")
            model = ModelRef(name="turbine", version=version, sha256=sha256)
            trained = ModelTrained(
                name="turbine", model=model, iteration=version, algorithm="pca", artifact=ref,
                dataset="d" * 64, manifest=reference("d" * 64, 1, "application/json"),
                threshold=1.5, false_alarm_rate=0.001,
                provenance=Provenance(
                    seeds={"seed": 7}, threads=1, code_sha256="c" * 64, python="3.11.9",
                    platform="x86_64-linux", libraries={"numpy": "2.1"},
                ),
            )  # fmt: skip
            told = payload_bytes(trained)
            await _put(runtime, content)
            await _put(runtime, told)
            file = Artifact(sha256, ref.media_type, ref.bytes, "model")
            training = Artifact(digest(told), "application/json", len(told), "training")
            await runtime.committer.publish(
                (), lineage_records([_record("train", [], [file, training])])
            )
            if version < 3:
                evaluated = ModelEvaluated(
                    name="turbine", model=model, iteration=version, dataset="d" * 64,
                    metrics={"sensitivity": 0.9}, passed=version == 2,
                    gates=(
                        Gate(
                            name="sensitivity", value=0.9, limit=0.6, rule="at_least", passed=True
                        ),
                    ),
                )  # fmt: skip
                told = payload_bytes(evaluated)
                await _put(runtime, told)
                evaluation = Artifact(digest(told), "application/json", len(told), "evaluation")
                await runtime.committer.publish(
                    (), lineage_records([_record("evaluate", [file], [evaluation])])
                )


async def _put(runtime: Runtime, data: bytes) -> None:
    await runtime.store.write(lambda connection: put_small_objects(connection, [data]))


def _record(
    kind: Any,
    inputs: list[Artifact],
    outputs: list[Artifact],
    subject: str = "model:turbine",
) -> Record:
    return one_step(
        subject, kind=kind, started=now_us(), actor="stage:retrain", inputs=inputs, outputs=outputs
    )


def stands(lineal: Lineal, data: Path) -> dict[int, str]:
    found = lineal("model", "list", "--data", data, "--json").json
    return {item["version"]: item["status"] for item in found}


async def _events(data: Path, topic: str) -> list[Any]:
    async with open_runtime(Settings(data=data)) as runtime:
        return [decode(event).data for event in await events_on(runtime, topic)]


def test_list_and_show_say_what_there_is_and_what_made_it(lineal: Lineal, data: Path) -> None:
    assert stands(lineal, data) == {1: "failed", 2: "passed", 3: "trained"}
    shown = lineal("model", "show", "turbine", "2", "--data", data)
    assert shown.code == 0
    for expected in ("turbine 2", "passed", digest(MODELS[1]), "seed 7", "numpy 2.1", "c" * 12):
        assert expected in shown.text
    fields = lineal("model", "show", "turbine", "2", "--data", data, "--json").json
    assert fields["training"]["provenance"]["threads"] == 1
    assert fields["changes"] == []
    evaluated = lineal("model", "evaluate", "turbine", "2", "--recorded", "--data", data)
    assert evaluated.code == 0
    assert "sensitivity" in evaluated.text
    assert lineal("model", "evaluate", "turbine", "3", "--recorded", "--data", data).code == 1
    assert asyncio.run(_events(data, "model.training_requested")) == []  # it only looked


def test_a_promotion_by_hand_is_an_event_and_a_record_with_a_name(
    lineal: Lineal, data: Path
) -> None:
    answer = lineal("model", "promote", "turbine", "1", "--reason", "urgent", "--data", data)
    assert answer.code == 0, answer.err
    (event,) = asyncio.run(_events(data, "model.promoted"))
    assert (event.how, event.reason, event.counter) == ("manual", "urgent", 1)
    assert event.by.startswith("user:")
    shown = lineal("model", "show", "turbine", "--data", data)
    assert f"promoted by {event.by}" in shown.text
    again = lineal("model", "promote", "turbine", "1", "--data", data)
    assert again.code == 1
    assert "in use already" in again.err


def test_one_command_goes_back_and_then_further_back(lineal: Lineal, data: Path) -> None:
    for version in (1, 2, 3):
        assert lineal("model", "promote", "turbine", str(version), "--data", data).code == 0
    assert stands(lineal, data) == {1: "retired", 2: "previous", 3: "in use"}
    answer = lineal("model", "rollback", "turbine", "--data", data)
    assert "turbine 2 is in use again, 3 is withdrawn" in answer.text
    assert stands(lineal, data) == {1: "previous", 2: "in use", 3: "retired"}
    assert lineal("model", "rollback", "turbine", "--data", data).code == 0
    assert stands(lineal, data) == {1: "in use", 2: "retired", 3: "retired"}
    last = lineal("model", "rollback", "turbine", "--data", data)
    assert last.code == 1
    assert "nothing to go back to" in last.err
    counters = [event.counter for event in asyncio.run(_events(data, "model.rolled_back"))]
    assert sorted(counters) == [4, 5]


def test_the_tables_of_models_can_be_made_again_from_the_ledger(lineal: Lineal, data: Path) -> None:
    for version in (1, 2):
        lineal("model", "promote", "turbine", str(version), "--data", data)
    lineal("model", "rollback", "turbine", "--data", data)
    before = lineal("model", "list", "--data", data, "--json").json
    assert lineal("rebuild", "--data", data).code == 0
    assert lineal("model", "list", "--data", data, "--json").json == before


def test_train_asks_for_an_iteration_in_your_name(lineal: Lineal, data: Path) -> None:
    assert lineal("model", "train", "turbine", "--data", data).code == 0
    (request,) = asyncio.run(_events(data, "model.training_requested"))
    assert isinstance(request, ModelTrainingRequested)
    assert request.cause == "manual"
    assert request.by is not None
    waited = lineal("model", "train", "turbine", "--wait", "0.1", "--data", data)
    assert waited.code == 1
    assert "lineal up" in waited.err


def test_a_model_that_nobody_has_described_is_refused_at_once(lineal: Lineal, data: Path) -> None:
    asked = lineal("model", "train", "nosuch", "--data", data)
    assert asked.code == 1
    for expected in ("no model is called nosuch", "turbine", "[stages.retrain.models]"):
        assert expected in asked.err
    assert asyncio.run(_events(data, "model.training_requested")) == []


def test_evaluate_asks_for_an_evaluation_and_says_what_to_do_where_none_comes(
    lineal: Lineal, data: Path
) -> None:
    waited = lineal("model", "evaluate", "turbine", "1", "--wait", "0.1", "--data", data)
    assert waited.code == 1
    for expected in ("lineal up", "lineal dead list", "--recorded"):
        assert expected in waited.err
    assert waited.out == b""
    (request,) = asyncio.run(_events(data, "model.training_requested"))
    assert request.evaluate.model == ModelRef(name="turbine", version=1, sha256=digest(MODELS[0]))
    assert request.evaluate.artifact.sha256 == digest(MODELS[0])
    assert request.by.startswith("user:")


def test_an_evaluation_somebody_asked_for_is_not_the_outcome_of_an_iteration(
    tmp_path: Path,
) -> None:
    model = ModelRef(name="turbine", version=1, sha256=digest(MODELS[0]))
    dataset = ModelDataset(
        name="turbine", iteration=2, cause="iteration", dataset="d" * 64, case="only_test",
        manifest=reference("d" * 64, 1, "application/json"), train_items=1, test_items=1,
    )  # fmt: skip
    anew = ModelEvaluated(
        name="turbine", model=model, iteration=1, dataset="d" * 64, metrics={}, passed=False
    )
    asked = anew.model_copy(update={"requested_by": "person"})

    async def outcomes() -> tuple[Any, ModelEvaluated]:
        async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
            await publish(runtime, dataset, asked)
            with pytest.raises(CommandFailed):
                await outcome_of(runtime, "turbine", "iteration", 0.1)
            await publish(runtime, anew)
            return (
                await outcome_of(runtime, "turbine", "iteration", 10),
                await evaluation_of(runtime, "turbine", "person", 10),
            )

    of_iteration, of_person = asyncio.run(outcomes())
    assert [item["requested_by"] for item in of_iteration["evaluated"]] == [None]
    assert of_person == asked


@pytest.mark.parametrize(
    "command", [("show", "wind"), ("promote", "turbine", "9"), ("evaluate", "turbine", "9")]
)
def test_a_model_that_is_not_there_is_an_error(
    lineal: Lineal, data: Path, command: tuple[str, ...]
) -> None:
    answer = lineal("model", *command, "--data", data)
    assert answer.code == 1
    assert "lineal model list" in answer.err


def test_the_lineage_of_a_model_tells_of_trainings_and_promotions(
    lineal: Lineal, data: Path
) -> None:
    lineal("model", "promote", "turbine", "2", "--data", data)
    answer = lineal("lineage", "model:turbine", "--data", data)
    assert answer.code == 0
    assert answer.text.count("train by stage:retrain") == 3
    assert "promote by user:" in answer.text
    assert lineal("lineage", "model:none", "--data", data).code == 1


async def _extract(folder: Path, document_id: str, text: bytes) -> None:
    """The text of a document, as the ocr stage leaves it."""
    async with open_runtime(Settings(data=folder)) as runtime:
        await runtime.store.write(lambda c: put_small_objects(c, [text]))
        made = Artifact(digest(text), "text/plain", len(text), "text")
        record = _record("step", [], [made], f"document:{document_id}")
        await runtime.committer.publish((), lineage_records([record]))


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    """Documents that may be labelled; others look at the same ones."""
    return Path(shutil.copytree(filled, tmp_path / "copied"))


def test_a_label_names_the_text_it_is_learnt_from(lineal: Lineal, copied: Path) -> None:
    letter = id_of("letter.txt")
    asyncio.run(_extract(copied, letter, b"Dear wind farm owner"))
    answer = lineal("label", "letter.txt", "letter", "--data", copied)
    assert answer.code == 0, answer.err
    (event,) = asyncio.run(_events(copied, "document.labelled"))
    assert (event.document_id, event.label) == (letter, "letter")
    assert event.text.sha256 == digest(b"Dear wind farm owner")
    # all documents that were put with such a label, as far as they have a text
    assert lineal("label", "--from-label", "year", "--data", copied).code == 0
    labels = [event.label for event in asyncio.run(_events(copied, "document.labelled"))]
    assert sorted(labels) == ["l", "letter", "n"]


def test_a_document_without_a_text_cannot_be_labelled(lineal: Lineal, filled: Path) -> None:
    answer = lineal("label", "refused.txt", "letter", "--data", filled)
    assert answer.code == 1
    assert lineal("label", "--data", filled).code == 2
    assert lineal("label", "nobody.txt", "letter", "--data", filled).code == 1


def test_simulated_turbines_put_readings_on_the_bus(lineal: Lineal, tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    answer = lineal(
        "simulate", "--devices", "2", "--rate", "200", "--seconds", "0.35",
        "--fault", "generator:start=0", "--data", folder, "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    found: list[TelemetryReadings] = asyncio.run(_events(folder, "telemetry.readings"))
    assert sum(batch.count for batch in found) == answer.json["readings"]
    assert {batch.device for batch in found} == {"turbine-1", "turbine-2"}
    by_device = [
        [batch for batch in found if batch.device == name] for name in ("turbine-1", "turbine-2")
    ]
    for batches in by_device:
        ends = [batch.last_seq for batch in batches]
        assert [batch.first_seq for batch in batches] == [1, *(end + 1 for end in ends[:-1])]
    column = found[0].features.index("voltage")
    first, second = (
        sum(row[column] or 0.0 for batch in batches for row in batch.values)
        for batches in by_device
    )
    assert first < 0.7 * second


def test_a_fault_that_is_not_known_is_refused(lineal: Lineal, tmp_path: Path) -> None:
    answer = lineal("simulate", "--fault", "gremlins", "--data", tmp_path)
    assert answer.code == 2
    assert "gremlins" in answer.err


def test_what_an_iteration_that_was_asked_for_waits_for_is_said(
    lineal: Lineal, working: Path
) -> None:
    folder = working / "data"

    async def handle() -> None:
        settings = Settings(data=folder, durability="normal")
        async with open_runtime(settings) as runtime:
            for kind in retrain.inputs:
                await runtime.bus.create_topic(kind.type)
            async with running(runtime, runtime.bind(retrain)):
                await until_settled(runtime, "retrain")

    asyncio.run(handle())
    assert lineal("model", "list", "turbine").err == ""
    assert lineal("model", "train", "turbine").code == 0
    assert "waits for: a daemon that runs the retrain" in lineal("model", "list", "turbine").err
    asyncio.run(handle())
    assert "waits for: 0 of at least" in lineal("model", "list", "turbine").err
    late = lineal("model", "train", "turbine", "--wait", "1")
    assert late.code == 1
    assert "waits for: a daemon" in late.err
