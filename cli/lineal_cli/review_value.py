"""What somebody says of an item, from the options of ``lineal review complete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer

from lineal_cli.options import CommandFailed

if TYPE_CHECKING:
    from lineal_schemas.reviews import ReviewValue


def with_first_pages(given: ReviewValue | None, pages: str) -> ReviewValue:
    """An answer that says which pages of a file begin a document.

    Raises:
        typer.BadParameter: they are no page numbers.
    """
    from lineal_schemas.reviews import ReviewValue

    try:
        numbers = tuple(sorted({int(page) for page in pages.split(",")}))
        if numbers[0] < 1:
            raise ValueError(pages)
    except ValueError as error:
        raise typer.BadParameter("page numbers, as 1,4,9", param_hint="--first-pages") from error
    return (given or ReviewValue()).model_copy(update={"first_pages": numbers})


def review_value(
    document_class: str | None,
    fields: list[str] | None,
    page: int,
    text: str | None,
    verdict: str | None,
    value: str | None,
    comment: str | None,
    fault: str | None = None,
) -> ReviewValue | None:
    """An answer made of options; None where none was given.

    Raises:
        CommandFailed: they do not fit an answer.
        typer.BadParameter: one cannot be read.
    """
    from pydantic import ValidationError

    from lineal_schemas.reviews import ReviewValue

    given: dict[str, Any] = {}
    if value is not None:
        try:
            given = orjson.loads(_content(value))
        except orjson.JSONDecodeError as error:
            raise typer.BadParameter(f"it is no JSON: {error}", param_hint="--value") from error
    if document_class is not None:
        given["document_class"] = document_class
    if fields:
        given["fields"] = [_field(item) for item in fields]
    if text is not None:
        given["pages"] = [{"page": page, "text": _content(text)}]
    if verdict is not None:
        given["verdict"] = verdict
    if fault is not None:
        if verdict == "normal":
            raise typer.BadParameter("what is normal is no fault", param_hint="--fault")
        given |= {"verdict": "anomaly", "fault": fault}
    if comment is not None and given:
        given["comment"] = comment
    if not given:
        return None
    try:
        return ReviewValue.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CommandFailed(f"the answer does not fit: {where}: {first['msg']}") from error


def _field(given: str) -> dict[str, Any]:
    name, equals, value = given.partition("=")
    number, colon, key = name.partition(":")
    page, key = (int(number), key) if colon and number.isdecimal() else (1, name)
    if not equals or not key:
        raise typer.BadParameter(f"{given!r} is not [PAGE:]KEY=VALUE", param_hint="--field")
    return {"page": page, "key": key, "value": value}


def _content(given: str) -> str:
    return Path(given[1:]).read_text() if given.startswith("@") else given
