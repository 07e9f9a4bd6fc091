"""Every act has an actor, also where the account has no name."""

from __future__ import annotations

import getpass
import os

import pytest

from lineal.lineage.actor import acting_user


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no username")])
def test_an_account_without_a_name_acts_by_its_number(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert acting_user() == f"user:{os.getuid()}"


def test_an_account_acts_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    assert acting_user() == "user:ann"
