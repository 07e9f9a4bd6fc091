"""What a file may cost is told from what it is, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal_consumers.classify.expected_cost import expected_cost


@pytest.mark.parametrize(
    ("data", "cheap"),
    [
        (b"Dear Anna,\r\n\tsee below.\n", True),
        ("Gr\u00fc\u00dfe aus K\u00f6ln".encode(), True),
        (b"%PDF-1.4\nonly letters", False),
        (b"PK\x03\x04", False),
        (b"\xef\xbb\xbf\n <html>", False),
        (b"\x89PNG\r\n\x1a\n", False),
    ],
)
def test_only_plain_text_is_cheap_until_shown_otherwise(
    tmp_path: Path, data: bytes, cheap: bool
) -> None:
    file = tmp_path / "name.txt"
    file.write_bytes(data)
    assert expected_cost(file).cheap == cheap


def test_files_of_another_form_or_size_are_of_another_kind(tmp_path: Path) -> None:
    kinds = set()
    for number, data in enumerate(
        [b"%PDF-1.4", b"%PDF-1.7", b"%PDF-1.4" + bytes(100_000), b"PK\x03\x04....", b"<html>.."]
    ):
        file = tmp_path / f"{number}"
        file.write_bytes(data)
        kinds.add(expected_cost(file).kind)
    assert len(kinds) == 4
