"""What steps leave behind for later ones (memos, claims, parts): the same in every store."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from lineal.stages.claims import claim, holder_of
from lineal.stages.gathering import forget_whole, keep_part, other_parts_if_all
from lineal.store.connection import Connection
from lineal.store.memo import (
    Memo,
    MemoOutput,
    keep_memos,
    memo_output,
    pack,
    recall,
    tell_changed,
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
    keep_memos(connection, [Memo(step(number), pack(outputs)) for number in range(count)])
    keep_memos(connection, [Memo(step(count), pack([]))])
    found = recall(connection, [step(number) for number in range(count + 2)])
    assert found == {**{step(number): outputs for number in range(count)}, step(count): []}


def test_a_step_that_makes_something_else_raises_an_alarm(connection: Connection) -> None:
    first, other = (pack([made_of(data)]) for data in (b"1", b"2"))
    keep_memos(connection, [Memo(step(1), first)])
    with capture_logs() as quiet:
        tell_changed(keep_memos(connection, [Memo(step(1), first), Memo(step(2), first)]))
    with capture_logs() as alarmed:
        tell_changed(keep_memos(connection, [Memo(step(1), other), Memo(step(3), other)]))
    assert quiet == []
    assert [entry["step"] for entry in alarmed] == [step(1).hex()]
    assert recall(connection, [step(1)])[step(1)] == [made_of(b"1")]


def test_memos_of_the_first_form_are_read_and_raise_no_alarm(connection: Connection) -> None:
    output = memo_output(Task(key="a", number=1))
    old = b'[["%b",%d,%b]]' % (output.type.encode(), output.version, output.data)
    keep_memos(connection, [Memo(step(1), old)])
    assert recall(connection, [step(1)])[step(1)] == [output]
    assert keep_memos(connection, [Memo(step(1), pack([output]))]) == []


def test_whoever_claims_first_keeps_it(connection: Connection) -> None:
    assert holder_of(connection, "register", "d") is None
    for stage, name, holder in (("register", "d", "1"), ("register", "d", "2"), ("x", "d", "3")):
        claim(stage, name, holder)(connection)
    assert holder_of(connection, "register", "d") == "1"
    assert holder_of(connection, "x", "d") == "3"


def test_a_whole_is_gathered_when_its_last_part_is_in(connection: Connection) -> None:
    parts = [Part(whole="w", index=number, count=3) for number in range(3)]
    keep_part("gather", parts[0], event("old"))(connection)
    keep_part("gather", parts[0], event("zero"))(connection)  # again, and in its place
    keep_part("other", parts[1], event("of another stage"))(connection)
    assert other_parts_if_all(connection, "gather", parts[1]) is None
    keep_part("gather", parts[2], event("two"))(connection)
    found = other_parts_if_all(connection, "gather", parts[1])
    assert found is not None
    assert {index: part.data for index, part in found} == {0: b"zero", 2: b"two"}
    forget_whole("gather", parts[1])(connection)
    assert other_parts_if_all(connection, "gather", parts[1]) is None


class _Forgetting:
    """A connection beside which another worker forgets a whole as soon as its parts are counted."""

    def __init__(self, connection: Connection, whole: Part) -> None:
        self._connection = connection
        self._whole = whole

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        rows = self._connection.execute(sql, parameters).fetchall()
        forget_whole("gather", self._whole)(self._connection)
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0])


def test_a_whole_that_is_forgotten_while_it_is_looked_at_is_not_made_of_what_is_left(
    connection: Connection,
) -> None:
    parts = [Part(whole="w", index=number, count=3) for number in range(3)]
    for part in parts[1:]:
        keep_part("gather", part, event("x"))(connection)
    forgetting = cast("Connection", _Forgetting(connection, parts[0]))
    assert other_parts_if_all(forgetting, "gather", parts[0]) is None
