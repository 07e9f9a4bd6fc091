"""``lineal review``: what people are to look at, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption
from lineal_cli.printing import count_of, plain, plain_lines, print_json, print_table, recently
from lineal_cli.printing import short_id as short
from lineal_cli.reviewing import as_reviewer

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_catalog.reviews.queries import Filter
    from lineal_catalog.reviews.reviewer import Reviewer
from lineal_cli.review_value import review_value, with_first_pages

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Look at what machines are not sure of, and say what is right.",
)

ItemArgument = Annotated[
    str, typer.Argument(metavar="ITEM", help="Id or unique beginning of an id.")
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", help="Only these: doubt, confidence, audit, conflict, ..."),
]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="Only these: text, class, fields, anomaly, ...")
]
ClassOption = Annotated[
    str | None, typer.Option("--class", metavar="CLASS", help="Only those of this class.")
]
BelowOption = Annotated[
    float | None, typer.Option("--below", metavar="CONFIDENCE", help="Only those less sure.")
]


@app.command("list")
def list_items(
    reason: ReasonOption = None,
    target: TargetOption = None,
    document_class: ClassOption = None,
    below: BelowOption = None,
    status: Annotated[str, typer.Option("--status", help="waiting, completed or all.")] = "waiting",
    order: Annotated[str, typer.Option("--order", help="age or confidence.")] = "age",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits for people, the oldest first."""
    if status not in ("waiting", "completed", "all"):
        raise typer.BadParameter("waiting, completed or all", param_hint="--status")
    wanted = _filter(reason, target, document_class, below)

    async def ask(runtime: Runtime, who: Reviewer) -> list[dict[str, Any]]:
        from lineal_catalog.reviews.queries import list_reviews
        from lineal_schemas.envelope import now_us

        now = now_us()
        found = await runtime.store.read(
            lambda c: list_reviews(
                c, now=now, wanted=wanted, status=status, order=_order(order),  # type: ignore[arg-type]
                limit=limit, names=who.names,
            )
        )  # fmt: skip
        return [item.to_dict(who.actor, now) for item in found]

    found = as_reviewer(data, ask)
    if as_json:
        print_json(found)
        return
    print_table(
        ("item", "since", "reason", "target", "class", "sure", "status", "taken by", "name"),
        [
            (
                short(item["item"]), recently(item["created_us"]), item["reason"],
                item["target"], plain(item["class"] or ""),
                "" if item["confidence"] is None else f"{item['confidence']:.2f}",
                item["status"], item["taken"]["by"] if item["taken"] else "",
                plain(item["name"] or item["subject"]),
            )
            for item in found
        ],
        right=frozenset({"sure"}),
        empty="Nothing waits for a person.",
    )  # fmt: skip


@app.command()
def show(item: ItemArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show an item: where to look, your draft, and what others said."""

    async def ask(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.reviews.acts import details
        from lineal_catalog.reviews.reviewer import find

        return await details(runtime, await find(runtime, item, who), who)

    _print(as_reviewer(data, ask), as_json)


@app.command()
def take(
    item: Annotated[
        str | None,
        typer.Argument(metavar="ITEM", help="Id or its beginning; the next that waits."),
    ] = None,
    reason: ReasonOption = None,
    target: TargetOption = None,
    document_class: ClassOption = None,
    below: BelowOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin to work on an item: others are told that you do."""
    wanted = _filter(reason, target, document_class, below)

    async def begin(runtime: Runtime, who: Reviewer) -> dict[str, Any] | None:
        from lineal_catalog.reviews import acts

        if item is not None:
            found = await acts.take(runtime, item, who)
        else:
            next_one = await acts.take_next(runtime, who, wanted)
            if next_one is None:
                return None
            found = next_one
        return await acts.details(runtime, found, who)

    taken = as_reviewer(data, begin)
    if taken is None:
        if as_json:
            print_json(None)
        else:
            typer.echo("Nothing waits for you.")
        return
    _print(taken, as_json)


@app.command()
def release(item: ItemArgument, data: DataOption = None) -> None:
    """Give an item back; your draft stays."""

    async def give(runtime: Runtime, who: Reviewer) -> None:
        from lineal_catalog.reviews import acts

        await acts.release(runtime, item, who)

    as_reviewer(data, give)


@app.command()
def skip(
    item: ItemArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")] = "",
    data: DataOption = None,
) -> None:
    """Leave an item to others; it is recorded."""

    async def leave(runtime: Runtime, who: Reviewer) -> None:
        from lineal_catalog.reviews import acts

        await acts.skip(runtime, item, who, reason)

    as_reviewer(data, leave)


@app.command()
def complete(
    item: ItemArgument,
    document_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="What the document is.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="KEY=VALUE", help="A field; [PAGE:]KEY=VALUE."),
    ] = None,
    page: Annotated[int, typer.Option("--page", min=1, help="Which page --text is of.")] = 1,
    text: Annotated[
        str | None, typer.Option("--text", help="The text of a page; @FILE reads a file.")
    ] = None,
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="Of an anomaly or a package: anomaly or normal.")
    ] = None,
    fault: Annotated[
        str | None,
        typer.Option(
            "--fault", metavar="KIND", help="Of an anomaly: it is this fault, as bearing."
        ),
    ] = None,
    first_pages: Annotated[
        str | None,
        typer.Option(
            "--first-pages", metavar="N,N", help="Of a file: the pages that begin a document."
        ),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--value", metavar="JSON", help="All of it as JSON; @FILE reads a file."),
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="It is kept.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="How long it took; since it was taken.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is right; without a value, that the draft or the machine is.

    Exit code 1, and what the first has said, where somebody else was first.
    """
    said = review_value(document_class, fields, page, text, verdict, value, comment, fault)
    if first_pages is not None:
        said = with_first_pages(said, first_pages)

    async def answer(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.reviews.answers import complete

        made = await complete(runtime, item, said, who, seconds=seconds)
        return {"type": made.type, **made.model_dump(mode="json")}

    made = as_reviewer(data, answer)
    if as_json:
        print_json(made)
    elif made["type"] == "review.opinion":
        typer.echo("noted: another person has to look as well")
    else:
        typer.echo(f"{made['outcome']}: {made['target']} of {made['subject']}")


@app.command()
def request(
    document: Annotated[
        str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
    ],
    target: Annotated[
        str, typer.Option("--target", help="text, class, fields, tables or redaction.")
    ] = "text",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask that people look at a document."""
    if target not in ("text", "class", "fields", "tables", "redaction"):
        raise typer.BadParameter("text, class, fields, tables or redaction", param_hint="--target")

    async def ask(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.documents.queries import find_document
        from lineal_catalog.reviews.acts import request_review

        info = await runtime.store.read(lambda c: find_document(c, document, names=who.names))
        requested = await request_review(runtime, info.document_id, target, who)
        return {"item": requested.item, "document_id": info.document_id}

    asked = as_reviewer(data, ask)
    if as_json:
        print_json(asked)
    else:
        typer.echo(f"asked for: {asked['item']} (a daemon puts it into the queue)")


@app.command()
def thresholds(
    precision: Annotated[
        float, typer.Option("--precision", min=0.5, max=0.999, help="Share that is to be right.")
    ] = 0.95,
    min_items: Annotated[
        int,
        typer.Option("--min-items", min=1, help="Of a class, before it is called wrong too often."),
    ] = 20,
    set_them: Annotated[
        bool, typer.Option("--set", help="Use them from now on. Your name is recorded.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure from which confidence on a class is right often enough to be believed.

    It is measured from what people have said of documents: `audit_share` of [stages.review] has
    them look at some of those that the machine is sure of.
    """

    async def measure(runtime: Runtime, who: Reviewer) -> list[dict[str, Any]]:
        from lineal_catalog.reviews.thresholds import (
            measured_classes,
            set_thresholds,
            thresholds_for,
        )

        measured = await runtime.store.read(measured_classes)
        found = thresholds_for(measured, precision, min_items=min_items)
        known = {name: each.threshold for name, each in found.items() if each.threshold is not None}
        if set_them:
            if not known:
                raise CommandFailed(
                    "people have looked at too few documents of every class: nothing is set"
                )
            await set_thresholds(runtime, known, precision, who.by)
        return [each._asdict() for each in found.values()]

    found = as_reviewer(data, measure)
    if as_json:
        print_json(found)
        return
    print_table(
        ("class", "looked at", "right", "at least", "believed from"),
        [
            (
                plain(each["document_class"]), str(each["items"]), str(each["right"]),
                f"{100 * each['min_right']:.0f} %",
                f"{each['missing']} more answers needed" if each["threshold"] is None
                else "never" if each["threshold"] > 1 else f"{each['threshold']:.3f}",
            )
            for each in found
        ],
        right=frozenset({"looked at", "right", "at least", "believed from"}),
        empty="Nobody has looked at a class yet.",
    )  # fmt: skip


def _filter(
    reason: str | None, target: str | None, document_class: str | None, below: float | None
) -> Filter:
    from lineal_catalog.reviews.queries import Filter

    return Filter(reason, target, document_class, below)


def _order(given: str) -> Any:
    if given not in ("age", "confidence"):
        raise typer.BadParameter("age or confidence", param_hint="--order")
    return given


def _print(item: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    typer.echo(f"{item['item']}  {item['status']}")
    typer.echo(
        f"{item['target']} of {plain(item['name'] or item['subject'])} ({item['subject']}), "
        f"because of {item['reason']}"
    )
    if item["class"] is not None:
        sure = "" if item["confidence"] is None else f" ({item['confidence']:.2f} sure)"
        typer.echo(f"the machine says {plain(item['class'])}{sure}")
    for place in item["places"]:
        typer.echo(f"page {place['page']}: {plain(place['reason'])}")
    if item["taken"] is not None:
        typer.echo(f"{item['taken']['by']} works on it")
    for opinion in item["opinions"]:
        typer.echo(f"{opinion['by']} {opinion['outcome']} it: {_brief(opinion['value'])}")
    if item["draft"] is not None:
        typer.echo(f"your draft: {_brief(item['draft']['value'])}")
    if item["four_eyes"] and not item["opinions"]:
        typer.echo(f"two people have to say the same; {count_of(item['answers'], 'answer')} so far")


def _brief(value: Any) -> str:
    return plain_lines(orjson.dumps(value).decode())
