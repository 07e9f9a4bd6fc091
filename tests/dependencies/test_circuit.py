"""The circuit breaker against a plain model of it, whatever calls do and whenever they end."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from lineal.dependencies.circuit import Circuit, Permit
from tests.long import examples


class Machine(RuleBasedStateMachine):
    """The model: what was answered since it opened last, when it opened, and who is trying."""

    permits = Bundle("permits")

    @initialize(failures=st.integers(1, 3), open_seconds=st.integers(1, 10))
    def begin(self, failures: int, open_seconds: int) -> None:
        self.now = 0.0
        self.failures, self.open_seconds = failures, open_seconds
        self.circuit = Circuit(failures, open_seconds, lambda: self.now)
        self.opened_at: float | None = None
        self.in_a_row = 0
        self.periods: dict[int, int] = {}
        self.period = 0
        self.trying = False

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=permits)
    def enter(self) -> object:
        over = self.opened_at is not None and self.now >= self.opened_at + self.open_seconds
        expected = self.opened_at is None or (over and not self.trying)
        permit = self.circuit.enter()
        assert (permit is not None) == expected
        if permit is None:
            return multiple()
        self.trying = self.opened_at is not None
        return (permit, self.period, self.trying)

    @rule(call=consumes(permits))
    def answer(self, call: tuple[Permit, int, bool]) -> None:
        permit, period, _ = call
        closed = self.circuit.answered(permit)
        assert closed == (period == self.period and self.opened_at is not None)
        if period == self.period:
            self.opened_at, self.in_a_row = None, 0
            self.trying = False

    @rule(call=consumes(permits))
    def fail(self, call: tuple[Permit, int, bool]) -> None:
        permit, period, trying = call
        opened = self.circuit.failed(permit)
        if period != self.period:
            assert not opened, "a call from before it opened says nothing of now"
            return
        self.in_a_row += 1
        assert opened == (trying or self.in_a_row >= self.failures)
        if opened:
            self.opened_at, self.trying = self.now, False
            self.period += 1

    @rule(call=consumes(permits))
    def abandon(self, call: tuple[Permit, int, bool]) -> None:
        permit, period, trying = call
        self.circuit.abandoned(permit)
        if period == self.period and trying:
            self.trying = False

    @invariant()
    def the_state_is_that_of_the_model(self) -> None:
        if self.opened_at is None:
            expected = "closed"
        else:
            over = self.now >= self.opened_at + self.open_seconds
            expected = "half open" if over else "open"
        assert self.circuit.state == expected
        assert self.circuit.trying == self.trying
        assert (self.circuit.seconds_left > 0) == (expected == "open")


TestCircuit = Machine.TestCase
TestCircuit.settings = settings(max_examples=examples(50), stateful_step_count=30, deadline=None)
