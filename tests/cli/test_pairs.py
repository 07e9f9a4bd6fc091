"""Options that name something and what it is, as ``KEY=VALUE``."""

from __future__ import annotations

import pytest
import typer

from lineal_cli.options import pairs


def test_what_is_named_may_have_an_equals_sign_itself_where_values_have_none() -> None:
    given = ["a.txt=letter", "a.pdf#page=3=total", "pump-1#t=1,2=normal"]
    assert pairs(given, "--known", at_last=True) == {
        "a.txt": "letter", "a.pdf#page=3": "total", "pump-1#t=1,2": "normal",
    }  # fmt: skip
    assert pairs(["sum=a=b"], "--label") == {"sum": "a=b"}
    with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
        pairs(["a.txt"], "--known", at_last=True)
