"""Learns scoring models of sensors from collected readings."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lineal import Reject
from lineal_consumers.retrain.config import ReadingsModel
from lineal_consumers.retrain.dataset import (
    Anomaly,
    Mark,
    batches_to_learn,
    fault_examples,
    has_open_fault,
)
from lineal_learning.gates import GateRule, Gates
from lineal_learning.learner import Fitted, Learner, LearningData, Material
from lineal_learning.splits import Candidate
from lineal_schemas.models import DatasetManifest, FaultExample, InputSchema, Metrics, SplitRule

_REFERENCE_ROWS = 500
_WEEK_US = 7 * 86_400 * 1_000_000
_GOLDEN = "lineal.golden"
"""Metadata of a model's file, from which the package of a rollout takes its golden windows."""
_GOLDEN_WINDOWS = 3


class ReadingsLearner(Learner[ReadingsModel]):
    """Finds anomalies in windows of readings: ``kind = "readings"``."""

    kind = "readings"
    settings = ReadingsModel
    material = ("block", "anomaly", "normal", "mark")
    libraries = ("numpy", "onnx", "onnxruntime", "scikit-learn", "scipy", "threadpoolctl")
    code = ("lineal_consumers.retrain", "lineal_learning", "lineal_scoring")

    def algorithms(self, settings: ReadingsModel) -> tuple[str, ...]:
        return settings.algorithms

    def candidates(self, material: Material, settings: ReadingsModel) -> list[Candidate]:
        blocks, anomalies = _blocks_and_anomalies(material, settings)
        drifted = material.drifted_us is not None
        return batches_to_learn(settings, blocks, anomalies, _marks(material), drifted=drifted)

    def known_faults(self, material: Material, settings: ReadingsModel) -> tuple[FaultExample, ...]:
        from fnmatch import fnmatchcase

        own = [
            (key, value)
            for key, value in material.remembered["anomaly"]
            if any(fnmatchcase(key.partition("/")[0], pattern) for pattern in settings.devices)
        ]
        normal = {key for key, _ in material.remembered.get("normal", ())}
        return tuple(fault_examples(own, normal, _marks(material), settings.features))

    def waits_for(self, material: Material, settings: ReadingsModel) -> str | None:
        if material.drifted_us is None:
            return None
        blocks, anomalies = _blocks_and_anomalies(material, settings)
        faulty = has_open_fault(
            blocks,
            anomalies,
            lasting_readings=settings.lasting_readings,
            since_us=material.drifted_us,
        )
        return "the end of a fault" if faulty else None

    def split(self, settings: ReadingsModel) -> SplitRule:
        return SplitRule(
            by="time",
            test_share=settings.test_share,
            calibration_share=settings.calibration_share,
            seed=settings.seed,
        )

    def min_new_rows(self, settings: ReadingsModel) -> int:
        return settings.min_new_readings

    def features(self, settings: ReadingsModel) -> InputSchema:
        return InputSchema(features=settings.features, length=settings.length, step=settings.step)

    def false_alarm_rate(self, settings: ReadingsModel) -> float:
        return settings.false_alarm_rate

    def fit(self, data: LearningData, settings: ReadingsModel, algorithm: str) -> Fitted:
        import numpy as np
        import orjson

        from lineal_consumers.retrain.runs import runs_of
        from lineal_consumers.retrain.training import ParityError, train

        manifest, blocks = data
        runs = _long_enough(runs_of(manifest.train, blocks, settings.features), settings)
        held_out = _long_enough(runs_of(manifest.calibration, blocks, settings.features), settings)
        if not runs or not held_out:
            raise Reject("there are no runs of readings long enough to learn from")
        chosen = training_settings(settings, algorithm)
        windows = sum((len(run) - settings.length) // settings.step + 1 for run in held_out)
        if settings.tail == "chi2" or windows < 2 / settings.false_alarm_rate:
            chosen = replace(chosen, tail="chi2")
        a_week = _alarms_a_week(manifest, settings)
        if settings.false_alarms_a_week is not None:
            if not a_week:
                raise Reject("how often readings come is not known: there are too few of them")
            chosen = replace(chosen, max_exceedance=min(0.5, settings.false_alarms_a_week / a_week))
        try:
            trained = train(chosen, runs, held_out)
        except (ValueError, ParityError) as error:
            raise Reject(f"no model can be learnt from these readings: {error}") from error
        trained = replace(trained, data=_with_faults(trained.data, manifest, settings))
        together = np.concatenate(_since(manifest, blocks, settings) or runs)
        picked = np.linspace(0, len(together) - 1, min(len(together), _REFERENCE_ROWS)).astype(int)
        rows = [[None if np.isnan(x) else x for x in row] for row in together[picked].tolist()]
        return Fitted(
            model=trained,
            algorithm=algorithm,
            metrics={
                "train_windows": float(trained.train_windows),
                "calibration_windows": float(trained.calibration_windows),
                "calibration_alarm_share": trained.calibration_alarm_share,
                "parity": trained.parity,
                "false_alarms_a_week": a_week * trained.exceedance[0],
                "false_alarms_a_week_at_most": a_week * trained.exceedance[1],
            },
            parameters={"tail": chosen.tail, "length": chosen.length, "step": chosen.step},
            threshold=trained.threshold,
            reference=orjson.dumps({"features": settings.features, "rows": rows}),
        )

    def export(self, fitted: Fitted) -> bytes:
        return _with_golden_windows(fitted.model.data, fitted.model.golden_windows)

    def evaluate(self, model: bytes, data: LearningData, settings: ReadingsModel) -> Metrics:
        """``false_alarm_rate``: of the test readings, all normal as far as is known, the share
        within an anomaly; ``sensitivity``: of the disturbances put into them, the share that was
        found."""
        import numpy as np

        from lineal_consumers.retrain.evaluation import alarms, compare, total
        from lineal_consumers.retrain.probes import perturb
        from lineal_consumers.retrain.runs import runs_of
        from lineal_scoring.model import ModelError, ScoringModel

        try:
            scoring = ScoringModel(model)
        except ModelError as error:
            raise Reject(str(error)) from error
        features = scoring.preparation.features
        runs = _long_enough(runs_of(data.manifest.test, data.files, features), settings)
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

    def gates(self, settings: ReadingsModel) -> Gates:
        rate, found, room = "false_alarm_rate", "sensitivity", settings.tolerance
        return Gates(
            rules=(
                GateRule(metric=rate, rule="at_most", limit=settings.max_false_alarms),
                GateRule(metric=found, limit=settings.min_sensitivity),
                GateRule(metric=rate, rule="at_most", tolerance=room),
                # What cries without end finds everything: that is no sensitivity to be held to.
                GateRule(metric=found, tolerance=room, unless_champion_fails=True),
            ),
            score={found: 1.0, rate: -1.0},
        )


def _blocks_and_anomalies(
    material: Material, settings: ReadingsModel
) -> tuple[list[Any], dict[str, list[Anomaly]]]:
    """The collected blocks of a model's devices, and their anomalies by device."""
    from fnmatch import fnmatchcase

    blocks = [
        block
        for _, block in material.remembered["block"]
        if any(fnmatchcase(block["device"], pattern) for pattern in settings.devices)
    ]
    anomalies: dict[str, list[Anomaly]] = {}
    # A person has looked, and found nothing.
    normal = {key for key, _ in material.remembered.get("normal", ())}
    for key, value in material.remembered["anomaly"]:
        if key in normal:
            continue
        anomalies.setdefault(key.partition("/")[0], []).append(Anomaly(*value[:5]))
    return blocks, anomalies


def _marks(material: Material) -> dict[str, list[Mark]]:
    """What people have said of times, by device."""
    marks: dict[str, list[Mark]] = {}
    for _, mark in material.remembered.get("mark", ()):
        one = Mark(mark["fault"], mark["from_us"], mark["to_us"], mark["marked_us"])
        marks.setdefault(mark["device"], []).append(one)
    return marks


def _since(manifest: DatasetManifest, blocks: Mapping[str, Path], settings: ReadingsModel) -> Any:
    """The readings since the change that asked for the training: what comes later is compared with
    these, or the one change would be found again in what was learnt from it."""
    from lineal_consumers.retrain.runs import runs_of

    items = [
        item
        for item in (*manifest.train, *manifest.calibration)
        if item.time_us >= manifest.changed_us > 0
    ]
    return runs_of(items, blocks, settings.features)


def _alarms_a_week(manifest: DatasetManifest, settings: ReadingsModel) -> float:
    """How many alarms a week of one device would have if every window were above the threshold: as
    many as there are stretches that the smoothing makes one. 0 where the rate is not known."""
    by_device = sorted(
        manifest.calibration, key=lambda item: (item.source.rpartition("/")[0], item.time_us)
    )
    spacing = [
        (after.time_us - item.time_us) / item.rows
        for item, after in itertools.pairwise(by_device)
        if item.source.rpartition("/")[0] == after.source.rpartition("/")[0]
        and after.time_us > item.time_us
    ]
    if not spacing:
        return 0.0
    return _WEEK_US / statistics.median(spacing) / max(settings.denoise_span, settings.step)


def training_settings(settings: ReadingsModel, algorithm: str) -> Any:
    """The parameters of a training (:class:`~lineal_consumers.retrain.settings.TrainingSettings`)
    that a model's settings ask for."""
    from lineal_consumers.retrain.settings import HoldRules, TrainingSettings
    from lineal_scoring.alarm import AlarmRules

    return TrainingSettings(
        features=settings.features,
        algorithm=algorithm,  # type: ignore[arg-type]
        angles=settings.angles,
        length=settings.length,
        step=settings.step,
        spread=settings.spread,
        denoise_span=settings.denoise_span,
        baseline_span=settings.baseline_span,
        hold=HoldRules(accept_after=settings.accept_after),
        shrinkage=settings.shrinkage,
        explained=settings.explained,
        margin=settings.margin,
        false_alarm_rate=settings.false_alarm_rate,
        epochs=settings.epochs,
        alarm=AlarmRules(open_after=settings.open_after, close_after=settings.close_after),
        seed=settings.seed,
        threads=settings.threads,
    )


def _with_faults(data: bytes, manifest: DatasetManifest, settings: ReadingsModel) -> bytes:
    """A scoring model's file that names what looks like a fault that people have marked."""
    if not manifest.faults:
        return data
    from lineal_scoring.fault_kinds import Example, FaultKinds
    from lineal_scoring.model import FAULTS

    examples = tuple(Example(one.fault, one.shares) for one in manifest.faults)
    kinds = FaultKinds(examples, settings.min_likeness, settings.min_lead)
    return _with_metadata(data, FAULTS, kinds.to_json())


def _with_metadata(data: bytes, key: str, value: str) -> bytes:
    import onnx

    model = onnx.load_model_from_string(data)
    entry = model.metadata_props.add()
    entry.key, entry.value = key, value
    made: bytes = model.SerializeToString(deterministic=True)
    return made


def _with_golden_windows(data: bytes, windows: Any) -> bytes:
    """A scoring model's file that carries a few real windows, with the scores it gives them: what a
    device scores before it puts the model into use."""
    import numpy as np
    import orjson

    from lineal_scoring.model import ScoringModel

    scoring = ScoringModel(data)
    picked = np.round(windows[:: max(1, len(windows) // _GOLDEN_WINDOWS)][:_GOLDEN_WINDOWS], 6)
    scores = [scoring.score(np.ascontiguousarray(window[np.newaxis])).value for window in picked]
    golden = orjson.dumps({"windows": picked.tolist(), "scores": scores}).decode()
    return _with_metadata(data, _GOLDEN, golden)


def _long_enough(runs: list[Any], settings: ReadingsModel) -> list[Any]:
    return [run for run in runs if len(run) >= settings.length + 3 * settings.step]


READINGS = ReadingsLearner()
