"""A new model's first run harms nothing, whatever the model does."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from lineal_edge.update.trial import compare, try_model
from lineal_edge.update.verification import PackageRejected
from lineal_schemas.deployments import GoldenWindow, PackageManifest
from tests.edge.update.graphs import FEATURES, LENGTH, STEP, THRESHOLD_VALUE, golden, graph
from tests.edge.update.simulated_device import manifest_of


def manifest(data: bytes, windows: tuple[GoldenWindow, ...]) -> PackageManifest:
    return manifest_of(
        data, features=FEATURES, golden=windows, length=LENGTH, step=STEP,
        threshold=THRESHOLD_VALUE,
    )  # fmt: skip


def refusal(data: bytes, folder: Path, seconds: float = 30, **options) -> str:
    file = folder / "model.onnx"
    file.write_bytes(data)
    windows = options.pop("windows", golden())
    with pytest.raises(PackageRejected) as rejected:
        try_model(file, manifest(data, windows), seconds, **options)
    return rejected.value.reason


def test_a_model_that_scores_its_golden_windows_right_passes(tmp_path: Path):
    file = tmp_path / "model.onnx"
    file.write_bytes(data := graph(factor=2.0))
    try_model(file, manifest(data, golden(factor=2.0)), 30)


def test_a_model_that_scores_them_otherwise_is_refused(tmp_path: Path):
    assert refusal(graph(factor=1.001), tmp_path) == "golden_mismatch"


def test_a_score_that_is_no_number_is_no_score(tmp_path: Path):
    assert refusal(graph("nan"), tmp_path) == "golden_mismatch"


def test_a_corrupt_graph_is_refused(tmp_path: Path):
    whole = graph()
    assert refusal(whole[: len(whole) // 2], tmp_path) == "corrupt_model"
    assert refusal(b"\0", tmp_path) == "corrupt_model"


def test_a_model_that_hangs_is_killed(tmp_path: Path):
    assert refusal(graph("hangs"), tmp_path, seconds=3) == "model_hangs"


def test_a_model_that_takes_the_process_down_is_refused(tmp_path: Path):
    crash = f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    program = (sys.executable, "-c", crash)
    assert refusal(graph(), tmp_path, program=program) == "model_crashed"


def test_a_model_that_wants_all_the_memory_is_refused(tmp_path: Path):
    greedy = (
        "from lineal_edge.update import trial\n"
        "trial._run = lambda file: {'scores': [len(bytearray(1 << 40))]}\n"
        "trial.main()"
    )
    program = (sys.executable, "-c", greedy)
    assert refusal(graph(), tmp_path, program=program) == "model_crashed"


@pytest.mark.parametrize("field", ["features", "length", "threshold"])
def test_a_manifest_that_describes_another_model_is_refused(tmp_path: Path, field: str):
    data = graph()
    fields = {"features": FEATURES, "length": LENGTH, "threshold": THRESHOLD_VALUE}
    other = {"features": ("voltage", "rps"), "length": LENGTH + 1, "threshold": 1.0}
    described = manifest_of(data, golden=golden(), step=STEP, **{**fields, field: other[field]})  # type: ignore[arg-type]
    file = tmp_path / "model.onnx"
    file.write_bytes(data)
    with pytest.raises(PackageRejected) as rejected:
        try_model(file, described, 30)
    assert rejected.value.reason == "schema_mismatch"


def test_fewer_scores_than_windows_are_a_mismatch():
    with pytest.raises(PackageRejected):
        compare([one.score for one in golden()], [golden()[0].score], 1e-5)


def test_the_agent_itself_stays_what_it_was(tmp_path: Path):
    """The limits are the other process's."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS), os.nice(0)
    refusal(graph("nan"), tmp_path)
    assert (resource.getrlimit(resource.RLIMIT_AS), os.nice(0)) == before
