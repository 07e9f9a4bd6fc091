"""``lineal labels``: labelling jobs, verified, adjusted, measured and exchanged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, pairs, split_list
from lineal_cli.printing import count_of, plain, plain_lines, print_json, print_table, recently
from lineal_cli.reviewing import as_reviewer

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.store.connection import Connection
    from lineal_catalog.labels.formats import Format
    from lineal_catalog.reviews.reviewer import Reviewer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Labelling jobs: label many things, verify and adjust the labels.",
)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id, its beginning, or name.")]
FormatOption = Annotated[str, typer.Option("--format", help="csv, label-studio or coco.")]


@app.command("list")
def list_all(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List labelling jobs, and how far they are."""

    async def ask(runtime: Runtime, who: Reviewer) -> list[dict[str, Any]]:
        from lineal_catalog.labels.queries import list_jobs

        return await runtime.store.read(lambda c: [job.to_dict(c) for job in list_jobs(c)])

    found = as_reviewer(data, ask)
    if as_json:
        print_json(found)
        return
    print_table(
        ("job", "name", "kind", "status", "items", "done", "labels", "made"),
        [
            (
                job["job"], plain(job["name"]), job["kind"], job["status"], str(job["items"]),
                str(job["done"]), str(job["given"]), recently(job["created_us"]),
            )
            for job in found
        ],
        right=frozenset({"items", "done", "labels"}),
        empty="There is no labelling job: `lineal labels create NAME --documents`.",
    )  # fmt: skip


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    items: Annotated[
        list[str] | None,
        typer.Option(
            "--item", help="DOC, DOC#page=3, photo:ID, or DEVICE#t=FROM,TO; may be given again."
        ),
    ] = None,
    documents: Annotated[bool, typer.Option("--documents", help="All documents.")] = False,
    with_label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="Of all documents, only those with it."),
    ] = None,
    photos: Annotated[
        bool, typer.Option("--photos", help="All photos of lines that nobody has judged.")
    ] = False,
    pages: Annotated[
        bool, typer.Option("--pages", help="Every page is an item, not every document.")
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option("--classes", metavar="A,...", help="What may be said; anything."),
    ] = None,
    answers: Annotated[
        int, typer.Option("--answers", min=1, help="How many people label each item.")
    ] = 1,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="JOB", help="Verify this job's labels.")
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option("--adjust", metavar="JOB", help="Adjust them, or those found wrong."),
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option("--known", metavar="ITEM=CLASS", help="A known answer, hidden."),
    ] = None,
    cost: Annotated[
        float, typer.Option("--cost", min=0.0, help="Of an hour of a person's time.")
    ] = 0.0,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="What learns of the labels.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a labelling job, or one that verifies or adjusts the labels of another."""
    if verify is not None and adjust is not None:
        raise typer.BadParameter("--verify or --adjust, not both")
    source = verify if verify is not None else adjust
    if source is None and not (items or documents or photos):
        raise typer.BadParameter(
            "say what is to be labelled: --item, --documents, --photos or --verify JOB"
        )

    async def make(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.labels.jobs import create_job

        found = [] if source is not None else await _items(
            runtime, who, items or [], documents, photos, pages, pairs(with_label, "--label")
        )  # fmt: skip
        answers_known = pairs(known, "--known", at_last=True)
        if answers_known and source is None:
            answers_known = await _known(runtime, who, answers_known)
        created = await create_job(
            runtime, who.by, name=name, items=found,
            kind="verify" if verify else "adjust" if adjust else "label",
            classes=split_list(classes or ()), answers=answers,
            known=answers_known, source=source, cost_per_hour=cost, model=model,
        )  # fmt: skip
        return created.model_dump(mode="json")

    made = as_reviewer(data, make)
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['job']}  {made['kind']} {count_of(made['items'], 'item')}")


async def _items(
    runtime: Runtime,
    who: Reviewer,
    wanted: list[str],
    documents: bool,
    photos: bool,
    pages: bool,
    labels: dict[str, str],
) -> list[Any]:
    from lineal_catalog.documents.queries import list_documents
    from lineal_catalog.labels.items import item_of, page_sizes, unverified_photos, with_sizes

    def find(connection: Connection) -> list[Any]:
        names = list(wanted)
        if photos:
            names += unverified_photos(connection, who.names)
        if documents:
            names += [
                info.document_id
                for info in reversed(list_documents(connection, labels=labels, names=who.names))
                if info.status == "indexed"
            ]
        return [item_of(connection, each, who.names) for each in names]

    found = await runtime.store.read(find)
    if pages:
        spread = []
        for item in found:
            numbers = await page_sizes(runtime, item.item)
            spread += [
                item.model_copy(update={"item": f"{item.item}#page={number}"})
                for number in sorted(numbers)
            ]
        found = spread
    return await with_sizes(runtime, found)


async def _known(runtime: Runtime, who: Reviewer, given: dict[str, str]) -> dict[str, str]:
    from lineal_catalog.labels.items import item_of

    return await runtime.store.read(
        lambda c: {item_of(c, name, who.names).item: label for name, label in given.items()}
    )


@app.command()
def take(job: JobArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Take the next item of a job."""

    async def begin(runtime: Runtime, who: Reviewer) -> dict[str, Any] | None:
        from lineal_catalog.labels.answers import take_item

        taken = await take_item(runtime, job, who.by)
        if taken is None:
            return None
        label = None if taken.label is None else _plain(taken.label)
        return {**taken.item.model_dump(mode="json"), "label": label}

    taken = as_reviewer(data, begin)
    if as_json:
        print_json(taken)
    elif taken is None:
        typer.echo("Nothing is left for you.")
    else:
        label = "" if taken["label"] is None else f"  labelled {_brief(taken['label'])}"
        typer.echo(f"{taken['item']}{label}")


@app.command()
def give(
    job: JobArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="What is labelled.")],
    label: Annotated[
        str | None, typer.Argument(metavar="CLASS", help="What it is; correct or wrong.")
    ] = None,
    value: Annotated[
        str | None, typer.Option("--value", metavar="JSON", help="Boxes and text as JSON.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="How long it took; since taken.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label an item of a job; your label of before is replaced."""
    if (label is None) == (value is None):
        raise typer.BadParameter("give a class, or --value JSON")

    async def say(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from pydantic import ValidationError

        from lineal_catalog.labels.answers import give_label
        from lineal_catalog.labels.queries import find_job
        from lineal_schemas.labels import LabelValue

        found = await runtime.store.read(lambda c: find_job(c, job))
        if value is not None:
            try:
                said = LabelValue.model_validate_json(value)
            except ValidationError as error:
                raise CommandFailed(
                    f"the label does not fit: {error.errors()[0]['msg']}"
                ) from error
        elif found.kind == "verify":
            if label not in ("correct", "wrong"):
                raise CommandFailed("of a label that is verified, say correct or wrong")
            said = LabelValue(correct=label == "correct")
        else:
            said = LabelValue(label=label)
        name = await _item_name(runtime, who, found.job_id, item)
        given = await give_label(runtime, found.job_id, name, said, who.by, seconds=seconds)
        return given.model_dump(mode="json")

    given = as_reviewer(data, say)
    if as_json:
        print_json(given)


async def _item_name(runtime: Runtime, who: Reviewer, job_id: str, item: str) -> str:
    """An item as the job calls it, given as people do."""
    from lineal.errors import LinealError
    from lineal_catalog.labels.items import item_of

    try:
        return (await runtime.store.read(lambda c: item_of(c, item, who.names))).item
    except LinealError:
        return item


@app.command()
def close(
    job: JobArgument,
    method: Annotated[str, typer.Option("--method", help="majority or dawid_skene.")] = "majority",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what holds of each item, and have it learnt."""
    if method not in ("majority", "dawid_skene"):
        raise typer.BadParameter("majority or dawid_skene", param_hint="--method")

    async def end(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.labels.closing import close_job

        closed = await close_job(runtime, job, who.by, method=method)  # type: ignore[arg-type]
        return closed.model_dump(mode="json")

    closed = as_reviewer(data, end)
    if as_json:
        print_json(closed)
        return
    kappa = "" if closed["agreement"] is None else f", kappa {closed['agreement']:.3f}"
    typer.echo(f"{closed['resolved']} of {count_of(closed['items'], 'item')} resolved{kappa}")


@app.command("export")
def export_file(
    job: JobArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output.")
    ] = None,
    format: FormatOption = "csv",
    which: Annotated[
        str, typer.Option("--which", help="results: what holds; given: all that was said.")
    ] = "results",
    data: DataOption = None,
) -> None:
    """Write the labels of a job as CSV, Label Studio's JSON or COCO."""
    if which not in ("results", "given"):
        raise typer.BadParameter("results or given", param_hint="--which")
    chosen = _format(format)

    async def write(runtime: Runtime, who: Reviewer) -> bytes:
        from lineal_catalog.labels.exchange import export_job
        from lineal_catalog.labels.queries import find_job

        found = await runtime.store.read(lambda c: find_job(c, job))
        return await export_job(runtime, found, which, chosen)  # type: ignore[arg-type]

    made = as_reviewer(data, write)
    if out is None:
        sys.stdout.buffer.write(made)
    else:
        out.write_bytes(made)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labels of others.", exists=True)],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the job that is made; the file's.")
    ] = None,
    format: FormatOption = "csv",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a job of the labels of a file; items are named by document."""
    chosen = _format(format)

    async def read(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.labels.exchange import import_job

        created, unknown = await import_job(
            runtime, who.by, file.read_bytes(), chosen, name=name or file.stem, names=who.names
        )
        return {**created.model_dump(mode="json"), "unknown": unknown}

    made = as_reviewer(data, read)
    if as_json:
        print_json(made)
        return
    typer.echo(f"{made['job']}  {count_of(made['items'], 'item')}")
    if made["unknown"]:
        typer.echo(f"not here: {plain(', '.join(made['unknown'][:10]))}", err=True)


@app.command()
def dashboard(
    job: JobArgument,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, a row for each person.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show time per item, throughput, agreement, accuracy on known items and cost."""

    async def ask(runtime: Runtime, who: Reviewer) -> Any:
        from lineal_catalog.labels.dashboard import job_figures
        from lineal_catalog.labels.queries import find_job

        return await runtime.store.read(lambda c: job_figures(c, find_job(c, job)))

    figures = as_reviewer(data, ask)
    if as_json:
        print_json(figures.to_dict())
        return
    names, *rows = figures.to_rows()
    if as_csv:
        import csv

        csv.writer(sys.stdout, lineterminator="\n").writerows([names, *rows])
        return
    titles = tuple(name.replace("_", " ") for name in names)
    print_table(
        titles, rows, right=frozenset(titles[1:]), empty="Nobody has labelled anything yet."
    )
    kappa = "" if figures.kappa is None else f", Fleiss' kappa {figures.kappa:.3f}"
    typer.echo(f"{count_of(figures.labels, 'label')}, {figures.seconds:.0f} s, "
               f"cost {figures.cost:.2f}{kappa}")  # fmt: skip


def _format(given: str) -> Format:
    if given in ("csv", "label-studio", "coco"):
        return given  # type: ignore[return-value]
    raise typer.BadParameter("csv, label-studio or coco", param_hint="--format")


def _plain(value: Any) -> dict[str, Any]:
    plain_value: dict[str, Any] = value.model_dump(
        mode="json", exclude_defaults=True, exclude={"salt"}
    )
    return plain_value


def _brief(value: Any) -> str:
    return plain_lines(orjson.dumps(value).decode())
