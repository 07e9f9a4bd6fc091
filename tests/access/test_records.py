"""A change of users and its record are one transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.access.credential import owner_credential
from lineal.access.records import change_access
from lineal.access.users import add_user
from lineal.lineage.ledger import steps_of_subject
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.store.connection import Connection


class PowerCut(Exception):
    """Nothing comes after it."""


async def test_no_role_is_left_that_nobody_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(connection: Connection) -> None:
        add_user(connection, "ann", "owner", None, 1)

    def cut(connection: Connection, effects: object) -> None:
        raise PowerCut

    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        by = owner_credential()
        with monkeypatch.context() as patched:
            patched.setattr("lineal.access.records.apply", cut)
            with pytest.raises(PowerCut):
                await change_access(runtime, by, "user:ann", change, action="user added")
        users = "SELECT name FROM users"
        assert await runtime.store.read(lambda c: c.execute(users).fetchall()) == []
        await change_access(runtime, by, "user:ann", change, action="user added")
        assert await runtime.store.read(lambda c: c.execute(users).fetchall()) == [("ann",)]
        (step,) = await runtime.store.read(lambda c: steps_of_subject(c, "user:ann"))
        assert step.attributes == {"action": "user added"}
