"""Knowing the stages is cheap: daemon and command line import all of them at their start."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

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


LOADED_BY_EACH = """
import importlib, json, sys
before, loaded = set(sys.modules), {}
for module in sys.argv[1:]:
    importlib.import_module(module)
    loaded[module] = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
    before = set(sys.modules)
print(json.dumps(loaded))
"""


def test_importing_a_stage_loads_no_engine() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_EACH, *MODULES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert loaded.keys() == set(MODULES)
    assert {module: HEAVY & set(names) for module, names in loaded.items()} == {
        module: set() for module in MODULES
    }


def test_each_entry_point_is_a_stage_of_that_name() -> None:
    assert {name: stage.name for name, stage in _stages().items()} == {
        name: name for name in STAGES
    }


def _stages() -> dict[str, Stage]:
    stages = {}
    for name, target in STAGES.items():
        module, _, attribute = target.partition(" ")[0].partition(":")
        stages[name] = getattr(import_module(module), attribute)
        assert isinstance(stages[name], Stage), name
    return stages
