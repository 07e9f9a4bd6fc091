"""What is learnt from, what is evaluated on, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.retrain.config import DocumentsModel, ReadingsModel
from lineal_consumers.retrain.dataset import Anomaly, batches_to_learn, documents_to_learn
from lineal_consumers.retrain.documents_learner import DOCUMENTS
from lineal_consumers.retrain.flywheel import case_of
from lineal_consumers.retrain.readings_learner import READINGS
from lineal_learning.gates import check_gates
from lineal_learning.splits import Dataset, dataset_of
from lineal_schemas.models import DatasetManifest

BOOT = "ab" * 16
SETTINGS = ReadingsModel(guard_readings=10, lasting_readings=400)


def hexed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def block(number: int, device: str = "t1", batches: int = 4, rows: int = 20) -> dict[str, Any]:
    """A collected block as JSON; the readings of a device go on from block to block."""
    first = (number - 1) * batches * rows + 1
    return {
        "device": device,
        "boot_id": BOOT,
        "number": number,
        "features": ["a"],
        "batches": [
            {
                "digest": hexed(f"{device} {first + i * rows}"),
                "first_seq": first + i * rows,
                "last_seq": first + (i + 1) * rows - 1,
                "wall_us": (first + i * rows) * 50_000,
            }
            for i in range(batches)
        ],
        "content": {
            "uri": "x:y",
            "sha256": hexed(f"{device} {number}"),
            "bytes": 1,
            "media_type": "application/gzip",
        },
    }


def blocks(*numbers: int, device: str = "t1") -> list[dict[str, Any]]:
    return [block(number, device) for number in numbers]


def dataset(
    found: Sequence[dict[str, Any]],
    previous: DatasetManifest | None = None,
    anomalies: Sequence[Anomaly] = (),
    drifted_us: int | None = None,
    settings: ReadingsModel = SETTINGS,
) -> Dataset:
    by_device = {"t1": list(anomalies)}
    candidates = batches_to_learn(settings, found, by_device, drifted=drifted_us is not None)
    rule, changed = READINGS.split(settings), drifted_us or 0
    return dataset_of("m", "readings", candidates, rule, previous, changed_us=changed)


def documents(labels: Sequence[dict[str, Any]], previous: DatasetManifest | None) -> Dataset:
    rule = DOCUMENTS.split(DocumentsModel())
    return dataset_of("documents", "documents", documents_to_learn(labels), rule, previous)


def sides(manifest: DatasetManifest) -> dict[str, set[str]]:
    return {
        name: {item.digest for item in getattr(manifest, name)}
        for name in ("train", "calibration", "test", "quarantined")
    }


def test_new_readings_are_split_by_time_the_latest_for_the_test() -> None:
    manifest = dataset([*blocks(1, 2, 3), *blocks(1, 2, 3, device="t2")]).manifest
    newest = [max(i.time_us for i in s) for s in (manifest.train, manifest.calibration)]
    oldest = [min(i.time_us for i in s) for s in (manifest.calibration, manifest.test)]
    assert newest[0] <= oldest[0]
    assert newest[1] <= oldest[1]
    assert {item.source.partition("/")[0] for item in manifest.test} == {"t1", "t2"}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_what_was_evaluated_on_is_never_learnt_from(growth: list[int]) -> None:
    last, previous = 0, None
    tested: set[str] = set()
    learnt: set[str] = set()
    for more in growth:
        last += more
        previous = dataset(blocks(*range(1, last + 1)), previous).manifest
        now = sides(previous)
        learnt |= now["train"] | now["calibration"]
        tested |= now["test"]
        assert not tested & learnt
        assert not now["train"] & now["calibration"]
        assert len(learnt | tested) == last * 4


def test_an_anomaly_and_what_is_next_to_it_is_left_out() -> None:
    manifest = dataset(blocks(1, 2, 3), anomalies=[Anomaly("a1", BOOT, 85, 110, False)]).manifest
    left_out = {item.source.rpartition("/")[2] for item in manifest.quarantined}
    assert left_out == {"61-80", "81-100", "101-120"}
    assert {item.reason for item in manifest.quarantined} == {"anomaly a1"}
    assert not sides(manifest)["quarantined"] & sides(manifest)["train"]


def test_an_anomaly_that_is_still_open_leaves_out_all_that_follows() -> None:
    manifest = dataset(blocks(1, 2, 3), anomalies=[Anomaly("a1", BOOT, 125, 140, True)]).manifest
    assert min(int(i.source.split("/")[2].split("-")[0]) for i in manifest.quarantined) == 101
    assert len(manifest.quarantined) == 7


def test_an_anomaly_of_another_boot_or_device_leaves_out_nothing() -> None:
    other = [Anomaly("a1", "cd" * 16, 1, 200, True)]
    assert not dataset(blocks(1, 2, 3), anomalies=other).manifest.quarantined
    of_other = batches_to_learn(SETTINGS, blocks(1), {"t2": [Anomaly("a", BOOT, 1, 9, True)]})
    assert not any(candidate.reason for candidate in of_other)


def test_what_came_before_a_drift_and_since_is_split_each_for_itself() -> None:
    since = 5 * 80 * 50_000
    found = dataset(blocks(*range(1, 11)), drifted_us=since)
    for side in (found.manifest.train, found.manifest.calibration, found.manifest.test):
        before = sum(item.time_us < since for item in side)
        assert 0 < before < len(side)
    assert found.new_rows == 5 * 80


@pytest.mark.parametrize("drifted", [True, False])
def test_only_a_drift_makes_what_has_lasted_long_the_new_normal(drifted: bool) -> None:
    # it comes and goes, as an anomaly does in a changed world
    flickering = [Anomaly(f"a{n}", BOOT, n * 60 + 1, n * 60 + 40, False) for n in range(10)]
    since = 1 if drifted else None
    short = Anomaly("short", BOOT, 1000, 1030, False)
    found = blocks(*range(1, 15))
    manifest = dataset(found, anomalies=[*flickering, short], drifted_us=since).manifest
    reasons = {item.reason for item in manifest.quarantined}
    assert reasons == ({"anomaly short"} if drifted else {"anomaly a0", "anomaly short"})


def test_a_quarantined_batch_is_not_new_again_and_again() -> None:
    anomalies = [Anomaly("a1", BOOT, 1, 80, False)]
    first = dataset(blocks(1, 2, 3), anomalies=anomalies)
    again = dataset(blocks(1, 2, 3), first.manifest, anomalies)
    assert first.new_rows == 240
    assert (again.new_rows, again.new_train, again.new_test) == (0, 0, 0)
    assert again.manifest == first.manifest


def test_the_window_bounds_the_dataset_to_the_newest_blocks() -> None:
    few = SETTINGS.model_copy(update={"window_blocks": 2})
    manifest = dataset(blocks(1, 2, 3, 4), settings=few).manifest
    held = (*manifest.train, *manifest.calibration, *manifest.test)
    assert {item.ref.sha256 for item in held if item.ref} == {hexed("t1 3"), hexed("t1 4")}


def test_a_document_labelled_anew_is_a_new_example() -> None:
    def labelled(number: int, label: str) -> dict[str, Any]:
        text = {"uri": "x:y", "sha256": hexed(str(number)), "bytes": 1, "media_type": "text/plain"}
        return {
            "document_id": f"d{number}", "label": label, "text": text, "by": "ann",
            "labelled_us": number,
        }  # fmt: skip

    some = [labelled(n, "invoice" if n % 2 else "letter") for n in range(10)]
    first = documents(some, None)
    assert (first.new_train, first.new_test) == (8, 2)
    some[0] = labelled(0, "invoice")
    again = documents(some, first.manifest)
    assert again.new_train + again.new_test == 1


@pytest.mark.parametrize(
    ("train", "test", "case"),
    [(False, False, "nothing_new"), (False, True, "only_test"), (True, False, "only_train"),
     (True, True, "both")],
)  # fmt: skip
def test_the_four_cases(train: bool, test: bool, case: str) -> None:
    assert case_of(new_train=train, new_test=test) == case


GOOD = {"false_alarm_rate": 0.01, "sensitivity": 0.9}


@pytest.mark.parametrize(
    ("metrics", "champion", "others", "failed"),
    [
        (GOOD, None, [], set()),
        (GOOD, GOOD, [], set()),
        ({**GOOD, "false_alarm_rate": 0.2}, None, [], {"false_alarm_rate"}),
        ({**GOOD, "sensitivity": 0.1}, None, [], {"sensitivity"}),
        ({**GOOD, "sensitivity": 0.8}, GOOD, [], {"sensitivity_of_champion"}),
        ({**GOOD, "false_alarm_rate": 0.04}, GOOD, [], {"false_alarm_rate_of_champion"}),
        # a champion that cries without end finds everything
        ({**GOOD, "sensitivity": 0.8}, {"false_alarm_rate": 0.9, "sensitivity": 1.0}, [], set()),
        (GOOD, None, [{**GOOD, "sensitivity": 0.95}], {"score_of_other_challengers"}),
    ],
)
def test_a_challenger_passes_only_what_it_reaches(
    metrics: dict[str, float], champion: Any, others: Any, failed: set[str]
) -> None:
    gates = check_gates(READINGS.gates(SETTINGS), metrics, champion, others)
    assert {gate.name for gate in gates if not gate.passed} == failed
