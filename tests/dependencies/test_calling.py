"""Calls of what stages depend on: when it is away, when it is slow, and what is seen of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lineal import Context, Dependency, Reject, stage
from lineal.daemon import Daemon
from lineal.dependencies.open_circuits import open_circuits
from lineal.errors import CircuitOpen, WrongConfiguration
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages import Stage
from lineal.testing import StageHarness
from lineal_schemas.envelope import now_us
from tests.conformance.harness import PATIENCE_SECONDS, publish, until_events, until_settled
from tests.conformance.workload import Done, Task


class Service:
    """What a stage calls: it fails while it is away."""

    def __init__(self) -> None:
        self.away = False
        self.back_after: int | None = None
        """After so many calls it answers again."""
        self.calls: list[int] = []

    async def ask(self, number: int) -> None:
        self.calls.append(number)
        if self.back_after is not None and len(self.calls) > self.back_after:
            self.away = False
        if self.away:
            raise ConnectionError("away")
        if number < 0:
            raise Reject("no such order")


def asking(service: Service, *calls: str | Dependency, name: str = "ask", **options: Any) -> Stage:
    @stage(name, version="1", produces=Done, memo=False, calls=calls, **options)
    async def ask(task: Task, ctx: Context) -> Done:
        await ctx.call("service", service.ask, task.number)
        return Done(key=task.key, number=task.number)

    return ask


async def test_an_outage_costs_no_attempt_but_those_that_found_it_out() -> None:
    service = Service()
    service.away = True
    stage = asking(
        service, Dependency(name="service", failures=3, open_seconds=60), retry_delays=["1s"] * 3
    )
    async with StageHarness(stage) as harness:
        service.back_after = 6
        for number in (1, 2):
            assert await harness.send(Task(key=str(number), number=number)) == []
        begun = harness.clock.now()
        assert await harness.send(Task(key="3", number=3)) == [Done(key="3", number=3)]
        assert harness.clock.now() - begun >= 4 * 60 * 1_000_000
        assert service.calls == [1, 2, 3, 3, 3, 3, 3], "one is tried until it is answered"
        (record,) = [record for record in harness.records if record.outcome == "done"]
        assert record.attempt == 1
        await harness.clock.advance(1)
        assert {done.number for done in harness.outputs(Done)} == {1, 2, 3}
        assert harness.dead_letters == []


async def test_a_rate_holds_by_the_clock_of_a_test() -> None:
    service = Service()
    stage = asking(service, Dependency(name="service", calls_per_second=7, burst=5))
    async with StageHarness(stage) as harness:
        begun = harness.clock.now()
        for number in range(40):
            # what is left to wait is less than a microsecond at times
            assert await harness.send(Task(key="1", number=number)) == [
                Done(key="1", number=number)
            ]
        assert (harness.clock.now() - begun) / 1e6 == pytest.approx(35 / 7, abs=0.001)


async def test_a_stage_may_do_something_else_while_it_is_away() -> None:
    service = Service()
    service.away = True
    depends = Dependency(name="service", failures=1, open_seconds=60, when_open="raise")

    @stage("ask", version="1", produces=Done, memo=False, calls=[depends], retry_delays=["1h"])
    async def ask(task: Task, ctx: Context) -> Done:
        try:
            await ctx.call("service", service.ask, task.number)
        except CircuitOpen as error:
            assert error.dependency == "service"
            return Done(key=task.key, number=task.number, text="from the copy")
        return Done(key=task.key, number=task.number)

    async with StageHarness(ask) as harness:
        assert await harness.send(Task(key="a", number=1)) == []
        (done,) = await harness.send(Task(key="a", number=2))
        assert done == Done(key="a", number=2, text="from the copy")
        assert service.calls == [1], "it was left alone"


async def test_an_answer_that_rejects_is_no_failure_of_the_dependency() -> None:
    service = Service()
    stage = asking(service, Dependency(name="service", failures=1, when_open="raise"))
    async with StageHarness(stage) as harness:
        for number in (-1, -2):
            await harness.send(Task(key="a", number=number))
        assert [letter.error_class for letter in harness.dead_letters] == ["Reject", "Reject"]
        assert await harness.send(Task(key="a", number=3)) == [Done(key="a", number=3)]


async def test_a_call_that_takes_too_long_has_failed() -> None:
    async def hang(number: int) -> None:
        await asyncio.Event().wait()

    service = Service()
    service.ask = hang  # type: ignore[method-assign]
    stage = asking(service, Dependency(name="service", call_seconds=0.01), retry_delays=["1h"])
    async with StageHarness(stage) as harness:
        await harness.send(Task(key="a", number=1))
        (record,) = harness.records
        assert (record.outcome, record.error) == ("delayed", "TimeoutError")


async def test_a_rate_takes_its_time_and_none_of_the_handlers() -> None:
    service = Service()
    stage = asking(service, Dependency(name="service", calls_per_second=0.1, burst=2), timeout=5.0)
    async with StageHarness(stage) as harness:
        begun = harness.clock.now()
        for number in range(5):
            assert await harness.send(Task(key="a", number=number)) != []
        assert harness.clock.now() - begun == pytest.approx(30_000_000, rel=1e-6)


async def test_a_call_must_be_declared_and_declared_alike(tmp_path: Path) -> None:
    service = Service()
    async with StageHarness(asking(service), config=()) as harness:
        await harness.send(Task(key="a", number=1))
        (letter,) = harness.dead_letters
        assert 'declare it (calls=["service"]' in letter.message
    with pytest.raises(ValueError, match="with calls= write memo=False"):

        @stage("memoised", version="1", calls=["service"])
        async def memoised(task: Task) -> None: ...

    async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
        runtime.bind(asking(service, Dependency(name="service", failures=2)))
        runtime.bind(asking(service, "service", name="other"))
        with pytest.raises(WrongConfiguration, match="otherwise than another stage"):
            runtime.bind(asking(service, Dependency(name="service", failures=3), name="third"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "data": tmp_path,
            "durability": "normal",
            "workers": 1,
            "log": {"enabled": False},
            "dependencies": {"service": {"failures": 2, "open_seconds": "0.3s"}},
        }
    )


async def test_what_is_away_is_seen_by_readyz_metrics_and_other_processes(
    settings: Settings,
) -> None:
    service = Service()
    service.away = True
    async with open_runtime(settings) as runtime, open_runtime(settings) as other:
        daemon = Daemon(runtime, [asking(service, "service", retry_delays=["1s"] * 5)])
        await daemon.start()
        try:
            await publish(runtime, *(Task(key=f"{n}", number=n) for n in range(20)))
            await until_open(other)
            (circuit,) = await other.store.read(lambda c: open_circuits(c, now_us()))
            assert circuit.dependency == "service"
            assert circuit.stages == ("ask",)
            assert circuit.error == "ConnectionError"
            (problem,) = daemon.problems
            assert problem.startswith("dependency service: it does not answer (ConnectionError)")
            service.away = False
            await until_events(runtime, Done.type, 20)
            await until_settled(runtime, "ask")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await other.store.read(lambda c: open_circuits(c, now_us())):
                    await asyncio.sleep(0.02)
            assert daemon.problems == []
        finally:
            await daemon.stop()


async def until_open(runtime: Runtime) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await runtime.store.read(lambda c: open_circuits(c, now_us())):
            await asyncio.sleep(0.02)
