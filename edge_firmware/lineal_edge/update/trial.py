"""Runs a new model for the first time, in a process of its own.

``python -m lineal_edge.update.trial MODEL`` reads golden windows from standard input and writes
their scores to standard output, both as JSON.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lineal_edge.update.verification import PackageRejected
from lineal_schemas.deployments import PackageManifest

MEMORY_BYTES = 2 << 30
"""Address space of the process; the libraries alone map several hundred megabytes."""


_PROGRAM = (sys.executable, "-m", "lineal_edge.update.trial")


def try_model(
    file: Path, manifest: PackageManifest, seconds: float, program: Sequence[str] = _PROGRAM
) -> None:
    """Score the golden windows of a model in another process and compare.

    Raises:
        PackageRejected: ``corrupt_model``, ``model_crashed``, ``model_hangs``, ``golden_mismatch``,
            ``schema_mismatch``.
    """
    windows = [golden.values for golden in manifest.golden]
    try:
        done = subprocess.run(
            [*program, str(file)],
            input=json.dumps(windows).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise PackageRejected("model_hangs", f"no scores within {seconds:g} seconds") from error
    if done.returncode != 0:
        raise PackageRejected("model_crashed", f"the process ended with {done.returncode}")
    try:
        reported = json.loads(done.stdout)
    except ValueError as error:
        raise PackageRejected("model_crashed", "the process said nothing of use") from error
    if "error" in reported:
        raise PackageRejected("corrupt_model", str(reported["error"])[:500])
    check_described(manifest, reported)
    expected = [golden.score for golden in manifest.golden] or reported.get("expected", [])
    compare(expected, reported["scores"], manifest.tolerance)


def check_described(manifest: PackageManifest, reported: dict[str, Any]) -> None:
    """The file and the manifest must speak of one model.

    Raises:
        PackageRejected: ``schema_mismatch``
    """
    schema = manifest.input_schema
    expected = {
        "features": list(schema.features), "length": schema.length, "step": schema.step,
        "threshold": manifest.threshold,
    }  # fmt: skip
    found = {name: reported.get(name) for name in expected}
    if found != expected:
        raise PackageRejected("schema_mismatch", f"the manifest says {expected}, the model {found}")


def compare(golden: Sequence[float], scores: list[float | None], tolerance: float) -> None:
    """Hold scores against the golden ones.

    Args:
        golden: the manifest's, or of the photos that the model's file carries.
        tolerance: relative to max(1, |score|).

    Raises:
        PackageRejected: ``golden_mismatch``
    """
    if len(scores) != len(golden) or not golden:
        raise PackageRejected("golden_mismatch", f"{len(scores)} scores, not {len(golden)}")
    for number, (expected, score) in enumerate(zip(golden, scores, strict=True)):
        limit = tolerance * max(1.0, abs(expected))
        if score is None or not abs(score - expected) <= limit:
            raise PackageRejected(
                "golden_mismatch", f"golden window {number} scores {score}, not {expected}"
            )


def _run(file: Path) -> dict[str, Any]:
    import numpy as np

    from lineal_scoring.model import ModelError, ScoringModel, takes_photos

    windows = json.load(sys.stdin)
    try:
        data = file.read_bytes()
        if takes_photos(data):
            return _run_photos(data)
        model = ScoringModel(data)
    except ModelError as error:
        return {"error": str(error)}
    scores: list[float | None] = []
    begun = time.monotonic()
    for window in windows:
        values = np.array(window, dtype=np.float64)[np.newaxis]
        try:
            score = model.score(values).value
        except ModelError:
            score = math.nan
        scores.append(score if math.isfinite(score) else None)
    return {
        "features": list(model.preparation.features),
        "length": model.preparation.length,
        "step": model.preparation.step,
        "threshold": model.threshold,
        "scores": scores,
        "seconds": time.monotonic() - begun,
    }


def _run_photos(data: bytes) -> dict[str, Any]:
    """A model of photos scores those that its file carries."""
    from lineal_scoring.photo_model import INPUT, PhotoModel

    begun = time.monotonic()
    model = PhotoModel(data)
    golden = model.golden()
    return {
        "features": list(INPUT.features),
        "length": INPUT.length,
        "step": INPUT.step,
        "threshold": model.threshold,
        "expected": [expected for expected, _ in golden],
        "scores": [score for _, score in golden],
        "seconds": time.monotonic() - begun,
    }


def main() -> None:
    """What the process does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # readings are scored meanwhile
    reported = json.dumps(_run(Path(sys.argv[1])))
    sys.stdout.write(reported)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
