"""A stage that cannot work is refused where it is declared, with what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from lineal import Context, Event, fan_in, stage
from lineal.stages import NoConfig, Stage
from lineal_schemas.payload import Payload
from tests.conformance.workload import Done, Joined, Piece, Task


class Depth(BaseModel):
    depth: int = 3


def test_a_stage_knows_what_was_declared() -> None:
    @stage(
        "a.b-c", version="7", produces=(Done, Joined), lanes=2, timeout=30, on_failure="wait",
        record_kind="review",
    )  # fmt: skip
    async def handle(task: Task, ctx: Context[Depth]) -> None: ...

    assert (handle.name, handle.version, handle.consumes) == ("a.b-c", "7", Task)
    assert handle.produces == (Done, Joined)
    assert (handle.config, handle.lanes, handle.fan_in, handle.memo) == (Depth, 2, False, True)
    assert (handle.timeout, handle.on_failure, handle.record_kind) == (30, "wait", "review")
    assert len(handle.code_digest) == 64


def test_the_context_and_what_is_produced_may_be_left_out() -> None:
    @stage("one", version="1", produces=Done)
    async def one(task: Task) -> None: ...

    @stage("none", version="1")
    async def none(task: Task, ctx: Context) -> None: ...

    assert (one.produces, none.produces, none.config) == ((Done,), (), NoConfig)


async def test_a_stage_can_be_called_like_its_function() -> None:
    @stage("one", version="1", produces=Done)
    async def one(task: Task) -> Done:
        return Done(key=task.key, number=task.number)

    made: Done = await one(Task(key="a", number=4))
    assert made.number == 4


def test_the_configuration_may_be_stated_where_the_context_is_left_out() -> None:
    @stage("x", version="1", config=Depth)
    async def handle(task: Task) -> None: ...

    assert handle.config is Depth


def test_several_handlers_each_take_their_own_types() -> None:
    @stage("x", version="1", produces=Joined)
    async def first(task: Task | Done, ctx: Context[Depth]) -> Joined | None: ...

    @first.on
    async def second(piece: Piece) -> None: ...

    assert first.inputs == (Task, Done, Piece)
    assert [first.handlers[kind].function.__name__ for kind in first.inputs] == [
        "first", "first", "second",
    ]  # fmt: skip
    assert second.__name__ == "second", "and can be called as before"


def test_a_list_is_a_batch() -> None:
    @stage("x", version="1", produces=Done, batch=100)
    async def handle(tasks: list[Task]) -> list[Done | None]:
        return [None for _ in tasks]

    assert (handle.handlers[Task].input_kind, handle.batch) == ("batch", 100)


def test_fan_in_takes_the_parts_of_a_group() -> None:
    @fan_in("y", version="1", produces=Joined)
    async def join(parts: Sequence[Piece], ctx: Context) -> None: ...

    assert join.fan_in
    assert join.inputs == (Piece,)


async def event_handler(event: Event[Task], ctx: Any) -> None: ...
async def untyped(task, ctx): ...
async def any_typed(task: Any) -> None: ...
async def not_a_payload(task: int) -> None: ...
async def of_nothing() -> None: ...
async def of_three(task: Task, ctx: Context, more: int) -> None: ...
async def keyword_only(task: Task, *, ctx: Context) -> None: ...
async def list_of_nothing(tasks: list) -> None: ...  # type: ignore[type-arg]
async def wrong_context(task: Task, ctx: int) -> None: ...
async def base_class(task: Payload) -> None: ...
async def unknown(task: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def not_async(task: Task) -> None: ...


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        (not_async, "write `async def`"),
        (event_handler, "a stage is given the payload"),
        (untyped, "does not say which payload"),
        (any_typed, "does not say which payload"),
        (list_of_nothing, "does not say which payload"),
        (not_a_payload, "not a payload: write `task: MyPayload`"),
        (of_nothing, "must take a payload"),
        (of_three, "must take a payload"),
        (keyword_only, "must take a payload"),
        (wrong_context, r"write `ctx: Context\[MyConfig\]`"),
        (base_class, "Payload has no event type"),
        (unknown, "import it at the top of the module"),
    ],
)
def test_a_function_that_is_no_handler_is_refused(function: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        stage("x", version="1")(function)


@pytest.mark.parametrize("name", ["", "two words", "a..b", "1st", "a/b", "a\nb"])
def test_names_that_make_no_topic_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="name"):
        stage(name, version="1")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "write version="),
        ({"version": 1}, 'write version="1"'),
        ({"version": ""}, 'write version="1"'),
        ({"version": "1", "consumes": Task}, "its first argument's type"),
        ({"version": "1", "timeuot": 3}, "has no option timeuot"),
        ({"version": "1", "produces": Payload}, "Payload has no event type"),
        ({"version": "1", "produces": int}, "is not a payload"),
        ({"version": "1", "batch": 0}, "at least 1 event"),
        ({"version": "1", "lanes": 0}, "at least 1 key"),
        ({"version": "1", "timeout": 0}, "more than 0 seconds"),
        ({"version": "1", "on_failure": "stop"}, "'go on', 'wait'"),
        ({"version": "1", "record_kind": "made up"}, "is not one lower-case word"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], advice: str) -> None:
    with pytest.raises((TypeError, ValueError), match=advice):
        stage("x", **options)


async def returns_other(task: Task) -> Piece: ...  # type: ignore[empty-body]
async def returns_others(task: Task) -> list[Done | Piece] | None: ...


@pytest.mark.parametrize("function", [returns_other, returns_others])
def test_what_a_function_says_to_return_is_declared(function: Any) -> None:
    with pytest.raises(TypeError, match=r"returns Piece, .* write it into produces="):
        stage("x", version="1", produces=Done)(function)
    stage("x", version="1", produces=(Done, Piece))(function)


def test_a_function_may_say_a_base_class_to_return_or_nothing() -> None:
    async def base(task: Task) -> Sequence[Payload]: ...  # type: ignore[empty-body]
    async def unknown(task: Task) -> Missing: ...  # type: ignore[name-defined]  # noqa: F821
    async def silent(task: Task): ...

    for function in (base, unknown, silent):
        stage("x", version="1", produces=Done)(function)


def test_a_batch_needs_a_list() -> None:
    async def handle(task: Task) -> None: ...

    with pytest.raises(TypeError, match=r"write `list\[Task\]`"):
        stage("x", version="1", batch=10)(handle)


def test_fan_in_needs_a_sequence_of_one_part() -> None:
    async def one(piece: Piece) -> None: ...
    async def of_others(tasks: list[Task]) -> None: ...
    async def group(parts: list[Piece]) -> None: ...

    for function in (one, of_others):
        with pytest.raises(TypeError, match="takes all parts of a group"):
            fan_in("x", version="1")(function)
    with pytest.raises(TypeError, match="has no batch="):
        fan_in("x", version="1", batch=3)(group)
    with pytest.raises(TypeError, match="has one handler"):
        fan_in("x", version="1")(group).on(one)


def handled_twice(declared: Stage) -> None:
    @declared.on
    async def again(task: Task) -> None: ...


def configured_otherwise(declared: Stage) -> None:
    @declared.on
    async def other(done: Done, ctx: Context[Depth]) -> None: ...


def test_handlers_of_a_stage_must_agree() -> None:
    @stage("x", version="1")
    async def first(task: Task, ctx: Context) -> None: ...

    with pytest.raises(TypeError, match=r"which .*first takes already"):
        handled_twice(first)
    with pytest.raises(TypeError, match="write config=Depth"):
        configured_otherwise(first)
