"""What worker processes run for the flywheel: one training, one evaluation."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from lineal_learning.golden import record_golden
from lineal_learning.leaks import check_leaks, leak_found
from lineal_learning.learner import LearningData
from lineal_learning.registry import learner_of
from lineal_learning.settings import LearnerSettings
from lineal_schemas.models import DatasetManifest


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
    """JSON of a sample of the training data."""


def fingerprints(files: Sequence[Path], settings: LearnerSettings) -> list[str | None]:
    """For each file a text that is equal where the content is nearly the same."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=settings.threads):
        return learner_of(settings.kind).fingerprints(files, settings)


def train(
    manifest: bytes, files: Mapping[str, Path], settings: LearnerSettings, algorithm: str
) -> Trained:
    """Train one challenger.

    Raises:
        LeakFound: the dataset leaks.
        Reject: nothing can be learnt from it.
    """
    from threadpoolctl import threadpool_limits

    learner = learner_of(settings.kind)
    data = LearningData(DatasetManifest.model_validate_json(manifest), files)
    check_leaks(data.manifest)
    if leaks := learner.leaks(data, settings):
        raise leak_found(leaks)
    with threadpool_limits(limits=settings.threads):
        fitted = learner.fit(data, settings, algorithm)
        model = learner.export(fitted)
    return Trained(
        data=model,
        algorithm=fitted.algorithm,
        metrics=dict(fitted.metrics),
        parameters=dict(fitted.parameters),
        libraries={name: version(name) for name in learner.libraries},
        python=platform.python_version(),
        platform=f"{platform.machine()}-{sys.platform}",
        threshold=fitted.threshold,
        reference=fitted.reference,
    )


def evaluate(
    model: Path, manifest: bytes, files: Mapping[str, Path], settings: LearnerSettings
) -> dict[str, float]:
    """Measure a model on the test part of a dataset.

    Raises:
        LeakFound: the dataset leaks.
        Reject: there is nothing to evaluate on, or the file is no model.
    """
    learner = learner_of(settings.kind)
    data = LearningData(DatasetManifest.model_validate_json(manifest), files)
    check_leaks(data.manifest)
    return learner.evaluate(model.read_bytes(), data, settings)


def golden_of(
    model: Path, manifest: bytes, files: Mapping[str, Path], settings: LearnerSettings
) -> bytes | None:
    """The file of golden samples of a model, with its answers; None where its kind is not served.

    Raises:
        Reject: the file is no model, or there is nothing to choose from.
    """
    learner = learner_of(settings.kind)
    data = LearningData(DatasetManifest.model_validate_json(manifest), files)
    chosen = learner.golden(model.read_bytes(), data, settings)
    if chosen is None or not len(chosen.truth):
        return None
    return record_golden(chosen, model, learner.media_type)


def evaluate_settings(
    manifest: bytes, files: Mapping[str, Path], settings: LearnerSettings
) -> dict[str, float]:
    """Train with some settings and measure on the test part of a manifest, as of a fold.

    Raises:
        LeakFound: the dataset leaks.
        Reject: nothing can be learnt from it, or evaluated on.
    """
    from threadpoolctl import threadpool_limits

    learner = learner_of(settings.kind)
    data = LearningData(DatasetManifest.model_validate_json(manifest), files)
    check_leaks(data.manifest)
    with threadpool_limits(limits=settings.threads):
        fitted = learner.fit(data, settings, learner.algorithms(settings)[0])
        return dict(learner.evaluate(learner.export(fitted), data, settings))
