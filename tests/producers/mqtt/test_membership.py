"""How the shares of a broker's devices are divided among processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal.effects.effect import apply
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.mqtt.effects import LeaseLost
from lineal_producers.mqtt.lease import Leases
from lineal_producers.mqtt.membership import Membership
from lineal_producers.mqtt.shares import share_of, shares_of
from lineal_schemas import mqtt_topics

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[Runtime]]:
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_runtime(settings)) for _ in range(3)]


def membership(runtime: Runtime, shares: int, seconds: float = 30) -> Membership:
    return Membership(runtime, "bridge", shares, seconds=seconds)


async def quotas(members: list[Membership]) -> list[int]:
    """When all have seen each other."""
    for member in members:
        await member.renew()
    return [(await member.renew()).shares for member in members]


async def test_shares_are_divided_among_those_who_live(processes: list[Runtime]) -> None:
    members = [membership(process, 4) for process in processes]
    assert await quotas(members[:1]) == [4]
    assert await quotas(members[:2]) == [2, 2]
    assert await quotas(members) == [2, 1, 1]
    await members[1].leave()
    assert await quotas([members[0], members[2]]) == [2, 2]


async def test_who_comes_takes_nothing_where_there_is_nothing_to_divide(
    processes: list[Runtime],
) -> None:
    members = [membership(process, 1) for process in processes]
    assert await quotas(members) == [1, 0, 0]
    await members[0].leave()
    assert await quotas(members[1:]) == [1, 0]


async def test_a_process_that_ended_is_a_member_no_more(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as first:
        async with open_runtime(settings) as second:
            members = [membership(one, 2, seconds=3600) for one in (first, second)]
            assert await quotas(members) == [1, 1]
        assert await quotas(members[:1]) == [2]


async def test_another_number_of_shares_is_in_force_when_all_others_have_left(
    processes: list[Runtime],
) -> None:
    """A device must never be in two shares that are both worked for."""
    before, after = membership(processes[0], 2), membership(processes[1], 3)
    old = Leases(processes[0], "bridge", 2, seconds=30)
    held = await old.acquire()
    assert held is not None
    assert await quotas([before, after]) == [2, 0]
    await before.leave()
    quota = await after.renew()
    assert quota == (3, 2)
    with pytest.raises(LeaseLost):  # who was only stopped finds out
        await held.check()
    with pytest.raises(LeaseLost):
        await processes[0].store.write(lambda c: apply(c, [held.held()]))
    assert await quotas([before]) == [0]


@given(NAMES, st.integers(1, 64))
def test_a_device_is_in_exactly_one_share_with_all_its_topics(device: str, count: int) -> None:
    mine = share_of(device, count)
    for name in mqtt_topics.UP:
        topic = mqtt_topics.device_topic(device, name)
        assert [share for share in shares_of(count) if share.has(topic)] == [mine]


@given(st.text(), st.integers(1, 64))
def test_rubbish_is_in_one_share_as_well(topic: str, count: int) -> None:
    assert sum(share.has(topic) for share in shares_of(count)) == 1


def test_devices_are_spread_evenly() -> None:
    counts = [0] * 3
    for number in range(9_000):
        counts[share_of(f"turbine-{number}", 3).number - 1] += 1
    assert min(counts) > 2_700
