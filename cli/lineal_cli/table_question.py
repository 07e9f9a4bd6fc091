"""``lineal table what-if``: what a model would say if features had other values."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.answers import first_answer
from lineal_cli.idle_stages import idle_stages_running
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_schemas.tables import Estimate, PredictionAnswered, PredictionAsked

_SOURCE = "lineal:cli/table"
_STAGES = ("tables.score",)
_MISSING = "missing"


def what_if(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Its name.")],
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="ENTITY", help="Whose features.")
    ] = None,
    row: Annotated[
        Path | None,
        typer.Option("--row", metavar="FILE", help="Instead: features as a JSON object."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FEATURE=VALUE", help="What if it were so; or FEATURE=missing. Again."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="If the table has several.")
    ] = None,
    coverage: Annotated[
        float,
        typer.Option(
            "--coverage", metavar="PERCENT", min=50, max=99, help="Of intervals, how many hold."
        ),
    ] = 90,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait.")] = 60,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model what it would say if features of an entity had other values.

    Both predictions come with an interval and reasons. Where no `lineal up` runs the stage
    tables.score, this command does its work.
    """
    if (entity is None) == (row is None):
        raise typer.BadParameter("give --entity or --row")
    wanted: dict[str, Any] = {
        "table": table,
        "entity": entity,
        "row": None if row is None else _row(row),
        "changes": dict(map(_change, changes or [])),
        "coverage": coverage / 100,
    }
    settings = load_settings(existing_data(data))
    question, answered = asyncio.run(_ask(settings, wanted, model, wait))
    if answered is not None and answered.problem is not None:
        raise CommandFailed(f"there is no answer: {answered.problem}")
    if as_json:
        shown = None if answered is None else answered.model_dump(mode="json")
        print_json({"question_id": question.question_id, "answer": shown})
    elif answered is None:
        typer.echo("asked; it is answered where `lineal up` or `lineal run tables.score` runs")
    else:
        _show(question, answered)


def _row(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise CommandFailed(f'{file} is no JSON object of features: {{"orders": 3, "spent": null}}')
    return found


def _change(text: str) -> tuple[str, float | None]:
    name, _, value = text.partition("=")
    if value == _MISSING:
        return name, None
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not FEATURE=VALUE", param_hint="--set") from None


async def _ask(
    settings: Settings, wanted: dict[str, Any], model: str | None, seconds: float
) -> tuple[PredictionAsked, PredictionAnswered | None]:
    from pydantic import ValidationError

    from lineal.access.senders import acting_credential
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_catalog.tables.questions import ask_prediction, models_of_table
    from lineal_schemas.tables import PredictionAnswered

    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        by = await runtime.store.read(acting_credential)
        name = _chosen(await models_of_table(runtime, wanted["table"]), model, wanted["table"])
    # Where this process answers, it does so for a model that has scored the table, whatever
    # lineal.toml of this folder says.
    tables = dict(settings.stages.get("tables", {}))
    tables["models"] = {wanted["table"]: [name], **tables.get("models", {})}
    stages = {**settings.stages, "tables": tables}
    async with open_runtime(settings.model_copy(update={"stages": stages})) as runtime:
        try:
            asked = await ask_prediction(runtime, by, _SOURCE, model=name, **wanted)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise CommandFailed(f"the question cannot be asked: {where}: {first['msg']}") from error
        async with idle_stages_running(runtime, _STAGES):
            answered = await first_answer(
                runtime, PredictionAnswered, asked.table,
                lambda event: event.data.question_id == asked.question_id, seconds,
            )  # fmt: skip
            return asked, answered


def _chosen(models: list[str], model: str | None, table: str) -> str:
    if model is not None:
        return model
    if len(models) != 1:
        known = ", ".join(models) or "none: its rows were not scored yet"
        raise CommandFailed(f"name one with --model: of {table!r} there are {known}")
    return models[0]


def _show(asked: PredictionAsked, answered: PredictionAnswered) -> None:
    from lineal_catalog.tables.questions import NOTE

    assert answered.model is not None
    share = f"{asked.coverage * 100:g} %"
    changed = ", ".join(
        f"{name} = {_MISSING if value is None else f'{value:g}'}"
        for name, value in asked.changes.items()
    )
    both = (("as it is", answered.now), (f"if {changed}", answered.then))
    shown = [(label, one) for label, one in both if one is not None]
    with_outcomes = any(one.outcomes is not None for _, one in shown)
    typer.echo(f"{answered.model.name} {answered.model.version} of {asked.entity or 'a row'}")
    print_table(
        ("", "prediction", f"interval {share}", *(("outcomes",) if with_outcomes else ()),
         "because of"),
        [
            (label, f"{one.value:.4g}", _interval(one),
             *((_outcomes(one),) if with_outcomes else ()),
             ", ".join(f"{why.feature} {why.moved:+.2g}" for why in one.reasons))
            for label, one in shown
        ],
        right=frozenset({"prediction"}),
    )  # fmt: skip
    for one in answered.outside:
        learnt = "always missing" if one.low is None else f"between {one.low:g} and {one.high:g}"
        value = _MISSING if one.value is None else f"{one.value:g}"
        typer.echo(
            f"Outside what was learnt: {one.feature} = {value}; it was {learnt}. The interval does "
            "not hold there."
        )
    typer.echo(NOTE)


def _interval(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return "none: too few rows"
    return f"{one.low:.4g} to {one.high:.4g}"


def _outcomes(one: Estimate) -> str:
    return " or ".join(map(str, one.outcomes or ())) or "unlike both"
