"""Asks what a model would say if features had other values, and finds the answer."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.tables import PredictionAnswered, PredictionAsked, PredictionMade

Q = TypeVar("Q", PredictionAsked, PredictionAnswered)
NOTE = (
    "This is what the model says of such a row, and not what would happen if somebody made the "
    "change: the model knows what went together, and no causes. Only the features that are named "
    "change; those that would change with them do not."
)
"""What everybody is told with an answer."""


class UnknownQuestion(LinealError, LookupError):
    """Nobody has asked this, or somebody else has."""


class Question(NamedTuple):
    """A question, and the answer to it if there is one yet."""

    asked: PredictionAsked
    answered: PredictionAnswered | None


async def ask_prediction(
    runtime: Runtime, by: Credential, source: str, **wanted: Any
) -> PredictionAsked:
    """Publish a question.

    Args:
        source: the ingress: ``lineal:cli/table``, ``lineal:http``.
        wanted: further fields of :class:`PredictionAsked`.

    Raises:
        NotPermitted: they may not.
        ValidationError: a field is not as it has to be.
    """
    by.require("upload")
    asked = PredictionAsked(
        **wanted, question_id=uuid4().hex[:16], by=by.actor, requested_us=now_us()
    )
    identifier = arrival_id(source, asked.question_id, "what-if")
    await publish_act(runtime, asked, id=identifier, source=source, actor=by.actor)
    return asked


async def find_question(runtime: Runtime, table: str, question_id: str, by: Credential) -> Question:
    """A question of somebody's own; an owner sees all.

    Raises:
        UnknownQuestion: there is none.
    """
    asked = await _event(runtime, PredictionAsked, table, question_id)
    if asked is None or not (by.may("manage") or by.actor == asked.by):
        raise UnknownQuestion(f"you have asked no question {question_id!r} of {table!r}")
    return Question(asked, await _event(runtime, PredictionAnswered, table, question_id))


async def _event(runtime: Runtime, kind: type[Q], table: str, question_id: str) -> Q | None:
    async for event in events_on_topic(runtime, kind, table):
        if event.data.question_id == question_id:
            return event.data
    return None


async def models_of_table(runtime: Runtime, table: str) -> list[str]:
    """Names of the models that have scored a table."""
    return sorted(
        {event.data.model.name async for event in events_on_topic(runtime, PredictionMade, table)}
    )
