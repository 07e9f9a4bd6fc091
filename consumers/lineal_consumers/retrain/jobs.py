"""The functions that worker processes run for the retrain stages."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from lineal.stages import Reject
from lineal_consumers.retrain.config import Algorithm, DocumentsModel, ReadingsModel
from lineal_schemas.models import DatasetManifest

_REFERENCE_ROWS = 500
_GOLDEN = "lineal.golden"
"""Metadata of a model's file, from which the package of a rollout takes its golden windows."""
_GOLDEN_WINDOWS = 3
_TEXT_LIBRARIES = ("numpy", "scikit-learn", "scipy", "threadpoolctl")


class Trained(NamedTuple):
    """A challenger and what its record needs."""

    data: bytes
    algorithm: str
    metrics: dict[str, float]
    """On the training data."""
    parameters: dict[str, str | int | float | bool]
    libraries: dict[str, str]
    python: str
    platform: str
    threshold: float | None = None
    reference: bytes | None = None
    """JSON of a sample of the training readings."""


def train_readings(
    manifest: bytes, blocks: Mapping[str, Path], settings: ReadingsModel, algorithm: Algorithm
) -> Trained:
    """Train one scoring model on a manifest's data.

    Raises:
        Reject: there is too little data to learn from or to calibrate on.
        DatasetDamaged: the blocks do not hold what the manifest says.
    """
    import numpy as np
    import orjson

    from lineal_consumers.retrain.runs import runs_of
    from lineal_consumers.retrain.settings import TrainingSettings
    from lineal_consumers.retrain.training import ParityError, train
    from lineal_scoring.alarm import AlarmRules

    dataset = DatasetManifest.model_validate_json(manifest)
    runs = _long_enough(runs_of(dataset.train, blocks, settings.features), settings)
    held_out = _long_enough(runs_of(dataset.calibration, blocks, settings.features), settings)
    if not runs or not held_out:
        raise Reject("there are no runs of readings long enough to learn from")
    chosen = TrainingSettings(
        features=settings.features,
        algorithm=algorithm,
        angles=settings.angles,
        length=settings.length,
        step=settings.step,
        spread=settings.spread,
        false_alarm_rate=settings.false_alarm_rate,
        epochs=settings.epochs,
        alarm=AlarmRules(open_after=settings.open_after, close_after=settings.close_after),
        seed=settings.seed,
        threads=settings.threads,
    )
    windows = sum((len(run) - settings.length) // settings.step + 1 for run in held_out)
    if windows < 2 / settings.false_alarm_rate:
        chosen = replace(chosen, tail="chi2")
    try:
        trained = train(chosen, runs, held_out)
    except (ValueError, ParityError) as error:
        raise Reject(f"no model can be learnt from these readings: {error}") from error
    data = _with_golden_windows(trained.data, trained.golden_windows)
    together = np.concatenate(runs)
    picked = np.linspace(0, len(together) - 1, min(len(together), _REFERENCE_ROWS)).astype(int)
    rows = [[None if np.isnan(x) else x for x in row] for row in together[picked].tolist()]
    return Trained(
        data=data,
        algorithm=algorithm,
        metrics={
            "train_windows": float(trained.train_windows),
            "calibration_windows": float(trained.calibration_windows),
            "calibration_alarm_share": trained.calibration_alarm_share,
            "parity": trained.parity,
        },
        parameters={"tail": chosen.tail, "length": chosen.length, "step": chosen.step},
        libraries=trained.libraries,
        python=trained.python,
        platform=trained.platform,
        threshold=trained.threshold,
        reference=orjson.dumps({"features": settings.features, "rows": rows}),
    )


def _with_golden_windows(data: bytes, windows: Any) -> bytes:
    """A scoring model's file that carries a few real windows, with the scores it gives them: what a
    device scores before it puts the model into use."""
    import numpy as np
    import onnx
    import orjson

    from lineal_scoring.model import ScoringModel

    scoring = ScoringModel(data)
    picked = np.round(windows[:: max(1, len(windows) // _GOLDEN_WINDOWS)][:_GOLDEN_WINDOWS], 6)
    scores = [scoring.score(np.ascontiguousarray(window[np.newaxis])).value for window in picked]
    model = onnx.load_model_from_string(data)
    entry = model.metadata_props.add()
    entry.key = _GOLDEN
    entry.value = orjson.dumps({"windows": picked.tolist(), "scores": scores}).decode()
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def _long_enough(runs: list[Any], settings: ReadingsModel) -> list[Any]:
    return [run for run in runs if len(run) >= settings.length + 3 * settings.step]


def evaluate_readings(
    model: Path, manifest: bytes, blocks: Mapping[str, Path], settings: ReadingsModel
) -> dict[str, float]:
    """Evaluate a scoring model on a manifest's test data.

    Returns:
        ``false_alarm_rate``: of the test readings, all normal as far as is known, the share within
        an anomaly; ``sensitivity``: of the disturbances put into them, the share that was found.

    Raises:
        Reject: there is nothing to evaluate on, or the file is no model.
    """
    import numpy as np

    from lineal_consumers.retrain.evaluation import alarms, compare, total
    from lineal_consumers.retrain.probes import perturb
    from lineal_consumers.retrain.runs import runs_of
    from lineal_scoring.model import ModelError, ScoringModel

    dataset = DatasetManifest.model_validate_json(manifest)
    try:
        scoring = ScoringModel(model.read_bytes())
    except ModelError as error:
        raise Reject(str(error)) from error
    features = scoring.preparation.features
    runs = _long_enough(runs_of(dataset.test, blocks, features), settings)
    if not runs:
        raise Reject("there are no test readings to evaluate on")
    quality = total(compare(alarms(scoring, run), np.zeros(len(run), bool)) for run in runs)
    probes = found = 0
    for run, begin in perturb(runs, features, settings.length):
        probes += 1
        found += bool(alarms(scoring, run)[begin:].any())
    return {
        "false_alarm_rate": quality.false_alarm_rate,
        "sensitivity": found / probes if probes else 0.0,
        "probes": float(probes),
        "readings": float(sum(map(len, runs))),
    }


def train_documents(
    manifest: bytes, texts: Mapping[str, Path], settings: DocumentsModel
) -> Trained:
    """Train a text classifier on a manifest's documents.

    Raises:
        Reject: there are too few documents, or all of one class.
    """
    from lineal_consumers.retrain.text_classifier import TextSettings, train_text_classifier

    dataset = DatasetManifest.model_validate_json(manifest)
    try:
        trained = train_text_classifier(
            [texts[item.digest].read_text() for item in dataset.train],
            [item.label or "" for item in dataset.train],
            TextSettings(
                learner=settings.learner,
                max_ngram=settings.max_ngram,
                seed=settings.seed,
                threads=settings.threads,
            ),
        )
    except ValueError as error:
        raise Reject(f"no classifier can be learnt from these documents: {error}") from error
    return Trained(
        data=trained.data,
        algorithm=f"tfidf-{trained.learner}",
        metrics={
            "cross_validated_accuracy": trained.cross_validated_accuracy,
            "classes": float(len(trained.classes)),
            "terms": float(trained.terms),
        },
        parameters={"learner": trained.learner, "max_ngram": settings.max_ngram},
        libraries={name: version(name) for name in _TEXT_LIBRARIES},
        python=platform.python_version(),
        platform=f"{platform.machine()}-{sys.platform}",
    )


def evaluate_documents(model: Path, manifest: bytes, texts: Mapping[str, Path]) -> dict[str, float]:
    """The share of a manifest's test documents that a classifier classes as they are labelled.

    Raises:
        Reject: there are no test documents, or the file is no model.
    """
    from lineal_consumers.retrain.text_classifier import classes_of

    dataset = DatasetManifest.model_validate_json(manifest)
    if not dataset.test:
        raise Reject("there are no test documents to evaluate on")
    try:
        said = classes_of(
            model.read_bytes(), [texts[item.digest].read_text() for item in dataset.test]
        )
    except ValueError as error:
        raise Reject(str(error)) from error
    right = sum(one == item.label for one, item in zip(said, dataset.test, strict=True))
    return {"accuracy": right / len(dataset.test), "documents": float(len(dataset.test))}
