"""The models on published data, where it is there: SKAB's sensor runs, AG News."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.ag_news import FOLDER as AG_NEWS
from benchmarks.ag_news import read_documents
from benchmarks.skab import FOLDER as SKAB
from benchmarks.skab import LabelledRun, evaluate, measure_folder, read_runs
from lineal_consumers.retrain.evaluation import total
from lineal_consumers.retrain.text_classifier import train_text_classifier
from lineal_learning.documents.class_model import ClassModel
from lineal_learning.documents.terms import text_document

HEADER = "datetime;a;b;anomaly;changepoint"


def rows(count: int, begin: int, end: int) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((count, 2))
    values[begin:end, 1] += 6
    return values


def test_a_folder_of_runs_is_read_and_evaluated(tmp_path) -> None:
    values = rows(900, 600, 750)
    lines = [HEADER]
    for number, (a, b) in enumerate(values):
        a_text = "" if number % 50 == 0 else f"{a}"
        lines.append(f"2020-03-09 10:34:33;{a_text};{b};{float(600 <= number < 750)};0.0")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "1.csv").write_text("\n".join(lines))
    (tmp_path / "normal.csv").write_text("datetime;a;b\n" + "2020;1;2\n" * 600)
    (tmp_path / "short.csv").write_text("\n".join(lines[:300]))
    (run,) = read_runs(tmp_path)
    assert run.features == ("a", "b")
    assert np.isnan(run.values[0, 0])
    assert run.anomalous.sum() == 150
    found = measure_folder(tmp_path)
    assert set(found) == {"deeper/1.csv"}
    assert found["deeper/1.csv"].f1 > 0.9


def test_what_comes_later_changes_no_earlier_verdict() -> None:
    values = rows(900, 600, 750)
    labels = np.zeros(900, dtype=bool)
    short = LabelledRun("short", ("a", "b"), values[:620], labels[:620])
    longer = LabelledRun("longer", ("a", "b"), values[:700], labels[:700])
    # every alarm counts as false here, so the difference is what the last 80 rows added
    added = evaluate(longer).false_alarms - evaluate(short).false_alarms
    assert 0 < added <= 80


def test_no_labelled_run_is_an_error(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        measure_folder(tmp_path)


def test_faults_of_real_valves_are_found() -> None:
    if not SKAB.is_dir():
        pytest.skip("the SKAB runs are not there")
    whole = total(measure_folder(SKAB).values())
    assert whole.f1 >= 0.82
    assert whole.false_alarm_rate <= 0.12


def accuracy(model: bytes, texts: Sequence[str], labels: Sequence[str]) -> float:
    """The share of texts whose class is found."""
    classifier = ClassModel(model)
    found = [classifier.classify(text_document(text)).name for text in texts]
    return sum(name == label for name, label in zip(found, labels, strict=True)) / len(labels)


def test_more_labels_make_a_better_text_classifier() -> None:
    if not AG_NEWS.is_dir():
        pytest.skip("the AG News documents are not there")
    first, first_labels = read_documents(AG_NEWS / "train_head_subset.csv")
    more, more_labels = read_documents(AG_NEWS / "part1.csv")
    before = train_text_classifier(first, first_labels)
    after = train_text_classifier([*first, *more[:1500]], [*first_labels, *more_labels[:1500]])
    evaluated, labels = more[-600:], more_labels[-600:]
    assert accuracy(after.data, evaluated, labels) > accuracy(before.data, evaluated, labels) + 0.04
