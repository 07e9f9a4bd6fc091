"""An event may do what its sender may do when it is handled, and not when it was sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lineal.access.acts import read_acts
from lineal.access.credential import owner_credential
from lineal.access.records import change_access
from lineal.access.tokens import create_token
from lineal.access.users import add_user, remove_user
from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.stages import Context, stage
from lineal.store.connection import Connection
from lineal.testing import StageHarness
from lineal_schemas.payload import Payload


class Ordered(Payload, type="senders.ordered", version=1):
    what: str


class Sent(Payload, type="senders.sent", version=1):
    what: str


@stage("ship", version="1", produces=Sent, memo=False)
async def ship(order: Ordered, ctx: Context) -> Sent:
    await ctx.require("deploy")
    return Sent(what=order.what)


async def change(runtime: Runtime, what: Callable[[Connection], Any]) -> None:
    await change_access(runtime, owner_credential(), "user:ann", what)
    await runtime.flush_ledger()


async def test_a_user_who_was_removed_may_do_nothing() -> None:
    async with StageHarness(ship) as harness:
        runtime = harness.runtime
        await change(runtime, partial(add_user, name="ann", role="operator", password=None, now=1))
        await harness.send(Ordered(what="one"), actor="user:ann")
        await change(runtime, partial(remove_user, name="ann", now=2))
        await harness.send(Ordered(what="two"), actor="user:ann")
        # The account that works on the data folder itself never was a user.
        await harness.send(Ordered(what="three"), actor="user:root-of-this-machine")
        assert [sent.what for sent in harness.outputs(Sent)] == ["one", "three"]
        (letter,) = harness.dead_letters
        assert letter.error_class == "SenderNotPermitted"


async def test_the_token_of_the_settings_is_an_owners_and_no_other_token_has_its_name() -> None:
    async with StageHarness(ship) as harness:
        await harness.send(Ordered(what="one"), actor="token:http")
        assert [sent.what for sent in harness.outputs(Sent)] == ["one"]
        make = partial(
            create_token, name="http", acts=read_acts("read"), user=None, types=None,
            expires=None, now=1,
        )  # fmt: skip
        with pytest.raises(LinealError, match="LINEAL_HTTP_TOKEN"):
            await harness.runtime.store.write(make)
