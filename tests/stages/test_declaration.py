"""A stage that cannot work is refused where it is declared, not at its first event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from lineal.stages import NoConfig, gather, stage
from lineal_schemas.envelope import Event
from tests.conformance.workload import Done, Joined, Piece, Task


def test_a_stage_knows_what_was_declared() -> None:
    class Config(BaseModel):
        depth: int = 3

    @stage("a.b-c", version="7", consumes=Task, produces=(Done, Joined), config=Config, lanes=2)
    async def handle(event: Event[Task], ctx: Any) -> None: ...

    assert (handle.name, handle.version, handle.consumes) == ("a.b-c", "7", Task)
    assert handle.produces == (Done, Joined)
    assert (handle.config, handle.lanes, handle.gathers, handle.memo) == (Config, 2, False, True)
    assert len(handle.code_digest) == 64


def test_one_payload_or_none_may_be_produced() -> None:
    @stage("one", version="1", consumes=Task, produces=Done)
    async def one(event: Event[Task], ctx: Any) -> None: ...

    @stage("none", version="1", consumes=Task)
    async def none(event: Event[Task], ctx: Any) -> None: ...

    assert (one.produces, none.produces, none.config) == ((Done,), (), NoConfig)


def test_a_function_that_is_not_async_is_refused() -> None:
    with pytest.raises(TypeError, match="must be an async function"):

        @stage("x", version="1", consumes=Task)  # type: ignore[arg-type]
        def handle(event: Event[Task], ctx: Any) -> None: ...


@pytest.mark.parametrize("name", ["", "two words", "a..b", "1st", "a/b", "a\nb"])
def test_names_that_make_no_topic_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="name"):

        @stage(name, version="1", consumes=Task)
        async def handle(event: Event[Task], ctx: Any) -> None: ...


def test_a_payload_without_a_type_is_refused() -> None:
    from lineal_schemas.documents import DocumentEvent

    with pytest.raises(TypeError, match="DocumentEvent has no event type"):

        @stage("x", version="1", consumes=Task, produces=DocumentEvent)
        async def handle(event: Event[Task], ctx: Any) -> None: ...


def test_gathering_needs_parts() -> None:
    with pytest.raises(TypeError, match="must consume a Part"):

        @gather("x", version="1", consumes=Task)  # type: ignore[type-var]
        async def handle(events: Sequence[Event[Task]], ctx: Any) -> None: ...

    @gather("y", version="1", consumes=Piece, produces=Joined)
    async def join(events: Sequence[Event[Piece]], ctx: Any) -> None: ...

    assert join.gathers
