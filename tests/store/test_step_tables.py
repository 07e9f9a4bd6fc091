"""What steps leave behind for later ones (memos, claims, parts): the same in every store."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from lineal.effects.claims import Claim
from lineal.effects.effect import apply
from lineal.effects.fan_in import FanInDone, FanInPart, PartWithdrawn
from lineal.effects.sweep import sweep
from lineal.stages.claims import holder_of
from lineal.stages.fan_in_groups import closed_without, closing_id, other_parts, waiting_parts
from lineal.store.connection import Connection
from lineal.store.memo import (
    MemoOutput,
    memo_output,
    pack,
    put_memos,
    recall,
    warn_nondeterministic,
)
from lineal_schemas.envelope import RawEvent
from lineal_schemas.parts import Part
from tests.conformance.workload import Task


def step(number: int) -> bytes:
    return number.to_bytes(32, "big")


def event(name: str) -> RawEvent:
    return RawEvent(
        name, "test", "x.y", None, 1, "text/plain", None, "k", None, None, "c", name.encode()
    )


def made_of(data: bytes) -> MemoOutput:
    return MemoOutput("x.y", 1, data, None, None)


@pytest.mark.parametrize("count", [1, 700])
def test_memos_are_recalled_as_they_were_kept(connection: Connection, count: int) -> None:
    outputs = [
        MemoOutput("x.y", 2, b'{"a":1}', "key", None),
        MemoOutput("x.z", 1, b"{}\n\n{}", None, "document:\n"),
    ]
    put_memos(connection, [(step(number), pack(outputs)) for number in range(count)])
    put_memos(connection, [(step(count), pack([]))])
    found = recall(connection, [step(number) for number in range(count + 2)])
    assert found == {**{step(number): outputs for number in range(count)}, step(count): []}


def test_a_step_that_makes_something_else_raises_an_alarm(connection: Connection) -> None:
    first, other = (pack([made_of(data)]) for data in (b"1", b"2"))
    put_memos(connection, [(step(1), first)])
    with capture_logs() as quiet:
        warn_nondeterministic(put_memos(connection, [(step(1), first), (step(2), first)]))
    with capture_logs() as alarmed:
        warn_nondeterministic(put_memos(connection, [(step(1), other), (step(3), other)]))
    assert quiet == []
    assert [entry["step"] for entry in alarmed] == [step(1).hex()]
    assert recall(connection, [step(1)])[step(1)] == [made_of(b"1")]


def test_memos_of_the_first_form_are_read_and_raise_no_alarm(connection: Connection) -> None:
    output = memo_output(Task(key="a", number=1))
    old = b'[["%b",%d,%b]]' % (output.type.encode(), output.version, output.data)
    put_memos(connection, [(step(1), old)])
    assert recall(connection, [step(1)])[step(1)] == [output]
    assert put_memos(connection, [(step(1), pack([output]))]) == []


def test_whoever_claims_first_keeps_it(connection: Connection) -> None:
    assert holder_of(connection, "register", "d") is None
    for stage, name, holder in (("register", "d", "1"), ("register", "d", "2"), ("x", "d", "3")):
        apply(connection, [Claim(stage, name, holder)])
    assert holder_of(connection, "register", "d") == "1"
    assert holder_of(connection, "x", "d") == "3"


def part_of(part: Part, name: str, stage: str = "gather") -> FanInPart:
    return FanInPart(stage, part.group_id, part.index, event(name).to_json(exact=True))


def test_a_group_is_complete_when_its_last_part_is_in(connection: Connection) -> None:
    parts = [Part(group_id="w", index=number, count=3) for number in range(3)]
    apply(connection, [part_of(parts[0], "old"), part_of(parts[0], "zero")])
    apply(connection, [part_of(parts[1], "of another stage", "other")])
    assert other_parts(connection, "gather", parts[1], "one").complete is None
    apply(connection, [part_of(parts[2], "two")])
    found = other_parts(connection, "gather", parts[1], "one").complete
    assert found is not None
    assert {index: part.data for index, part in found} == {0: b"zero", 2: b"two"}


def test_a_group_that_is_done_is_there_for_the_event_that_completed_it(
    connection: Connection,
) -> None:
    parts = [Part(group_id="w", index=number, count=3) for number in range(3)]
    apply(connection, [part_of(part, "x") for part in parts[1:]])
    apply(connection, [FanInDone("gather", "w", "last", at=100)])
    found = other_parts(connection, "gather", parts[0], "last").complete
    assert found is not None
    assert sorted(index for index, _ in found) == [1, 2]
    assert other_parts(connection, "gather", parts[0], "another").complete is None
    assert sweep(connection, older_than=100) == 0
    assert sweep(connection, older_than=101) == 2
    assert other_parts(connection, "gather", parts[0], "last").complete is None


class _Completing:
    """A connection beside which another worker completes a group as soon as its parts are
    counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        rows = self._connection.execute(sql, parameters).fetchall()
        apply(self._connection, [FanInDone("gather", "w", "another", at=1)])
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0])


def test_a_group_completed_while_it_is_looked_at_is_not_made_of_what_is_left(
    connection: Connection,
) -> None:
    parts = [Part(group_id="w", index=number, count=3) for number in range(3)]
    apply(connection, [part_of(part, "x") for part in parts[1:]])
    completing = cast("Connection", _Completing(connection))
    assert other_parts(completing, "gather", parts[0], "last").complete is None


def test_a_withdrawn_part_waits_no_more_until_another_takes_its_place(
    connection: Connection,
) -> None:
    parts = [Part(group_id="w", index=number, count=3) for number in range(3)]
    apply(connection, [part_of(part, f"x{part.index}") for part in parts[:2]])
    found = waiting_parts(connection, "gather", {"x1", "x2"})
    assert found == [("w", 1, "x1")]
    assert waiting_parts(connection, "another", {"x1"}) == []
    gone = PartWithdrawn("gather", *found[0], "withdrawal", at=100)
    apply(connection, [gone])
    assert waiting_parts(connection, "gather", {"x1"}) == []
    assert other_parts(connection, "gather", parts[2], "x2").waiting == 1
    apply(connection, [part_of(parts[1], "newer"), gone])
    complete = other_parts(connection, "gather", parts[2], "x2").complete
    assert complete is not None
    assert {event.id for _, event in complete} == {"x0", "newer"}


def test_a_group_whose_first_part_was_withdrawn_is_closed_by_time_all_the_same(
    connection: Connection,
) -> None:
    parts = [Part(group_id="w", index=number, count=3) for number in range(3)]
    apply(connection, [part_of(part, f"x{part.index}") for part in parts[:2]])
    apply(connection, [PartWithdrawn("gather", "w", 0, "x0", "withdrawal", at=100)])
    assert not closed_without(connection, "gather", parts[2])
    apply(connection, [FanInDone("gather", "w", closing_id("x0", "w"), at=200)])
    assert closed_without(connection, "gather", parts[2])
