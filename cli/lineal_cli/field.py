"""``lineal field``: the fields of documents, and what people say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import plain, print_json, print_table
from lineal_cli.reviewing import as_reviewer

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_catalog.reviews.reviewer import Reviewer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Fields of documents: show them, say what is right, list what is declared.",
)
DocumentArgument = Annotated[
    str, typer.Argument(metavar="DOC", help="Id, unique beginning of an id, or name.")
]


@app.command()
def show(document: DocumentArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the fields of a document: values, how sure, and how they were found."""

    async def ask(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.reviews.readings import extracted_fields

        document_id = await _document_id(runtime, document, who)
        found = await extracted_fields(runtime, document_id)
        if found is None:
            raise CommandFailed(
                f"no fields of {document} were extracted: `lineal field list` names the classes "
                "that have some"
            )
        return {"document_id": document_id, **found.model_dump(mode="json")}

    found = as_reviewer(data, ask)
    if as_json:
        print_json(found)
        return
    print_table(
        ("field", "value", "sure", "by", "page", "problems"),
        [
            (
                field["name"], plain(field["value"] or ""), f"{field['confidence']:.2f}",
                field["source"] or "", "" if field["box"] is None else str(field["box"]["page"]),
                "; ".join(field["problems"]),
            )
            for field in found["fields"]
        ],
        right=frozenset({"sure", "page"}),
        empty="No fields are declared for its class.",
    )  # fmt: skip


@app.command()
def correct(
    document: DocumentArgument,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME VALUE ...",
            help="Names of fields and what is right; an empty VALUE: there is none.",
        ),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the values of a document's fields are: it is corrected, and learnt from."""
    if len(values) % 2:
        raise typer.BadParameter("give a VALUE for each NAME")
    said = dict(zip(values[::2], values[1::2], strict=True))

    async def answer(runtime: Runtime, who: Reviewer) -> dict[str, Any]:
        from lineal_catalog.reviews.field_corrections import correct_fields

        document_id = await _document_id(runtime, document, who)
        made = await correct_fields(runtime, document_id, said, who)
        return {"item": made.item, **made.model_dump(mode="json")}

    done = as_reviewer(data, answer)
    if as_json:
        print_json(done)
    else:
        typer.echo(f"{done['outcome']}: {', '.join(said)} of {document}")


@app.command("list")
def list_declared(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the classes of documents and the fields that are declared for them."""
    from lineal.stages.discovery import installed_stages

    settings = load_settings(data)
    stage = installed_stages().get("fields")
    if stage is None:
        raise CommandFailed("the stage `fields` is not installed: pip install 'lineal[documents]'")
    config = stage.config.model_validate(settings.stages.get("fields", {}))
    classes = config.model_dump(mode="json")["classes"]
    if as_json:
        print_json(classes)
        return
    print_table(
        ("class", "field", "type", "required", "rules"),
        [
            (
                name, key, field["type"], "yes" if field.get("required") else "",
                ", ".join(
                    f"{rule} {field[rule]}"
                    for rule in ("pattern", "checksum", "sum_of", "sum_of_column")
                    if field.get(rule)
                ),
            )
            for name, declared in classes.items()
            for key, field in declared["fields"].items()
        ],
    )  # fmt: skip


async def _document_id(runtime: Runtime, wanted: str, who: Reviewer) -> str:
    from functools import partial

    from lineal_catalog.documents.queries import find_document

    info = await runtime.store.read(partial(find_document, wanted=wanted, names=who.names))
    return info.document_id
