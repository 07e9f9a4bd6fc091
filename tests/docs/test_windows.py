"""The page on windows is run as it stands."""

from __future__ import annotations

from pathlib import Path

from tests.docs.tests_of_pages import assert_tests_pass, named_blocks


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    assert_tests_pass(tmp_path, named_blocks("windows.md"))
