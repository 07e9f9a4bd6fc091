"""Predictions from tables: who is at the top and why, and what if something were otherwise."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.tables.predictions import highest_predictions, scored_tables
from lineal_catalog.tables.questions import (
    NOTE,
    Question,
    UnknownQuestion,
    ask_prediction,
    find_question,
)
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

PREDICTIONS = Page("predictions", "Predictions", act="review", section="models", order=30)
"""What is predicted of people is not for every reader."""
_SOURCE = "lineal:console/predictions"
_LOOKS, _LOOK_SECONDS = 50, 0.1


@PREDICTIONS.get()
async def tables(request: PageRequest) -> Response:
    """The tables that models have scored, the newest first."""
    return request.render(
        "predictions.html", tables=await request.runtime.store.read(scored_tables)
    )


@PREDICTIONS.get("/{table}")
async def table(request: PageRequest) -> Response:
    """The highest predictions for a table, with their reasons."""
    name, chosen = request.path("table"), request.query("model")
    entity = request.query("entity").strip()

    def look(connection: Connection) -> dict[str, Any]:
        scored = scored_tables(connection, name)
        model = chosen if chosen in [one.model for one in scored] else ""
        model = model or (scored[0].model if scored else "")
        return {
            "scored": scored,
            "model": model,
            "predictions": highest_predictions(connection, name, model, entity=entity),
        }

    found = await request.runtime.store.read(look)
    if not found["scored"]:
        raise request.missing(request.text("No model has scored such a table."))
    return request.render("prediction_table.html", table=name, entity=entity, **found)


@PREDICTIONS.post("/{table}/ask", act="upload")
async def ask(request: PageRequest) -> Response:
    """Ask what a model would say if features of an entity had other values."""
    form, table = await request.form(), request.path("table")
    try:
        changes = _changes(str(form.get("changes", "")))
        asked = await ask_prediction(
            request.runtime, request.credential, _SOURCE, table=table,
            model=str(form.get("model", "")), entity=str(form.get("entity", "")).strip() or None,
            changes=changes,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"{where}: {first['msg']}" if where else first["msg"]) from error
    except ValueError as error:
        message = request.text("Write FEATURE=NUMBER, one a line, or FEATURE=missing.")
        raise HTTPException(422, message) from error
    for _ in range(_LOOKS):  # the stage answers within a moment where it runs
        question = await find_question(
            request.runtime, table, asked.question_id, request.credential
        )
        if question.answered is not None:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return request.redirect(f"{PREDICTIONS.url}/{table}/questions/{asked.question_id}")


@PREDICTIONS.get("/{table}/questions/{id}", act="upload")
async def question(request: PageRequest) -> Response:
    """A question and its answer."""
    try:
        found: Question = await find_question(
            request.runtime, request.path("table"), request.path("id"), request.credential
        )
    except UnknownQuestion as error:
        raise request.missing(str(error)) from error
    return request.render("prediction_answer.html", question=found, note=NOTE)


def _changes(text: str) -> dict[str, float | None]:
    """Of lines with a feature and its value.

    Raises:
        ValueError: a line has no such form, or no finite number.
    """
    found: dict[str, float | None] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, separator, value = (part.strip() for part in line.partition("="))
        number = None if value == "missing" else float(value)
        if not separator or not name or (number is not None and not math.isfinite(number)):
            raise ValueError(line)
        found[name] = number
    return found
