"""A user's role and the record of it are in no one transaction on Kafka: the record comes first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lineal.access.credential import owner_credential
from lineal.access.records import change_access
from lineal.access.users import User, UserExists, add_user, list_users
from lineal.proof.access_check import AccessReader
from lineal.proof.files import CheckpointFiles
from lineal.proof.record_pass import read_records
from lineal.proof.verification import VerificationContext
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from tests.conformance.harness import records
from tests.conformance.kafka import KafkaBusUnderTest


class PowerCut(Exception):
    """Nothing comes after it."""


def addition(name: str) -> Callable[[Connection], User]:
    return lambda connection: add_user(connection, name, "owner", None, 1)


async def findings(runtime: Runtime) -> list[str]:
    """What `lineal verify` says of users and tokens."""
    await runtime.flush_ledger()

    def look(connection: Connection) -> list[str]:
        reader = AccessReader()
        outside = CheckpointFiles(runtime.settings.data / "checkpoints").load()
        reader.begin(VerificationContext(connection, runtime.settings.data, outside, []))
        for seq, build, record in read_records(connection):
            reader.add(seq, build, record)
        return list(reader.findings())

    return await runtime.store.read(look)


async def test_no_role_is_left_that_nobody_gave(
    bus: KafkaBusUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed between the two does it again."""

    async def cut(*_: object) -> None:
        raise PowerCut

    said = {"action": "user added", "role": "owner"}
    async with bus.open() as runtime:
        by, add = owner_credential(), addition("ann")
        with monkeypatch.context() as patched:
            patched.setattr(runtime.committer, "publish", cut)
            with pytest.raises(PowerCut):
                await change_access(runtime, by, "user:ann", add, **said)
        assert await runtime.store.read(list_users) == []
        assert await findings(runtime) == []

        publish = runtime.committer.publish

        async def published_at_last(*given: object) -> None:
            await publish(*given)  # type: ignore[arg-type]
            raise PowerCut

        with monkeypatch.context() as patched:
            patched.setattr(runtime.committer, "publish", published_at_last)
            with pytest.raises(PowerCut):
                await change_access(runtime, by, "user:ann", add, **said)
        assert await runtime.store.read(list_users) == []
        assert "the user ann is missing" in "".join(await findings(runtime))

        added = await change_access(runtime, by, "user:ann", add, **said)
        assert await runtime.store.read(list_users) == [added]
        assert await findings(runtime) == []


async def test_what_cannot_be_done_has_no_record(bus: KafkaBusUnderTest) -> None:
    async with bus.open() as runtime:
        by, add = owner_credential(), addition("ann")
        await change_access(runtime, by, "user:ann", add, action="user added", role="owner")
        with pytest.raises(UserExists):
            await change_access(runtime, by, "user:ann", add, action="user added", role="owner")
        assert len(await records(runtime, "user:ann")) == 1
