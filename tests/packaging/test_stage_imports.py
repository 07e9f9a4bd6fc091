"""Knowing the stages is cheap: daemon and command line import all of them at their start."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from lineal.stages import Stage

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
STAGES: dict[str, str] = ENTRY_POINTS["lineal.stages"]
MODULES = sorted({target.partition(":")[0] for target in STAGES.values()})
HEAVY = {
    "onnxruntime", "sklearn", "scipy", "river",
    "numpy", "cv2", "PIL", "lxml", "pypdfium2", "pikepdf", "pdfplumber", "tesserocr", "spacy",
    "presidio_analyzer", "yake", "openpyxl", "docx", "bs4", "dateparser", "magic", "fontTools",
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_stage_loads_no_engine(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) == set()


@pytest.mark.parametrize("name", STAGES)
def test_each_entry_point_is_a_stage_of_that_name(name: str) -> None:
    module, _, attribute = STAGES[name].partition(" ")[0].partition(":")
    stage = getattr(import_module(module), attribute)
    assert isinstance(stage, Stage)
    assert stage.name == name
