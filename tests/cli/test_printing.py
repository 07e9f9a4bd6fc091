"""What is printed looks like what it is."""

from __future__ import annotations

import pytest

from lineal_cli.printing import plain, plain_lines


@pytest.mark.parametrize(
    "mark", "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)
def test_a_name_cannot_turn_the_order_of_its_letters(mark: str) -> None:
    for shown in (plain(f"invoice{mark}fdp.exe"), plain_lines(f"invoice{mark}fdp.exe")):
        assert mark not in shown
        assert "fdp.exe" in shown
