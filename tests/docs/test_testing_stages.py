"""The page that shows how to test a stage is run as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.tests_of_pages import assert_tests_pass, python_blocks


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    [stage] = python_blocks("add-a-stage.md")
    tests = {f"test_{n}.py": block for n, block in enumerate(python_blocks("testing-stages.md"))}
    assert_tests_pass(tmp_path, {"word_count.py": stage, **tests})
