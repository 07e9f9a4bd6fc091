"""``lineal photo``: lists and shows photos, and says what is on them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, recently, short_id
from lineal_cli.reading import existing_data, reading

if TYPE_CHECKING:
    from lineal_catalog.photos.projection import PhotoInfo

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Photos of inspection lines: list, show, and say what is on them.",
)
_SOURCE = "lineal:cli/photo"

PhotoArgument = Annotated[
    str, typer.Argument(metavar="PHOTO", help="Id, or the unique beginning of one.")
]


@app.command("list")
def list_(
    line: Annotated[
        str | None, typer.Option("--line", metavar="LINE", help="Of this line only.")
    ] = None,
    defects: Annotated[
        bool, typer.Option("--defects", help="Only those above the threshold.")
    ] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Only those of which nobody said what they show.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the photos, the newest first."""
    from lineal_catalog.photos.projection import list_photos

    with reading(data) as (connection, _):
        found = list_photos(connection, line=line, defects=defects, unverified=unverified)
    if as_json:
        print_json([_fields(photo) for photo in found])
        return
    print_table(
        ("photo", "line", "score", "threshold", "found", "verified", "captured"),
        [
            (short_id(photo.photo_id), photo.line, _figure(photo.score), _figure(photo.threshold),
             photo.found or "no model yet", photo.label, recently(photo.captured))
            for photo in found
        ],
        right=frozenset({"score", "threshold"}),
        empty="There is no such photo. Photos come with a label line=NAME, or from a camera.",
    )  # fmt: skip


@app.command()
def show(
    photo: PhotoArgument,
    heat_map: Annotated[
        Path | None, typer.Option("--heat-map", metavar="FILE", help="Write the heat map there.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a photo's score, and where on it something is not normal."""
    found, drawn = asyncio.run(_show(existing_data(data), photo))
    if heat_map is not None:
        if drawn is None:
            raise typer.BadParameter("none was drawn of this photo", param_hint="--heat-map")
        heat_map.write_bytes(drawn)
    if as_json:
        print_json(_fields(found))
        return
    typer.echo(f"{found.photo_id}  line {found.line}")
    if found.found is None:
        typer.echo("not scored yet: `lineal model train photos` makes a model to score with")
    else:
        typer.echo(
            f"score {_figure(found.score)}, threshold {_figure(found.threshold)}: "
            f"{'a defect' if found.found == 'defect' else 'normal'}, "
            f"by model {short_id(found.model)}"
        )
    if found.label:
        typer.echo(f"a person said: {found.label}")


async def _show(folder: Path, photo: str) -> tuple[PhotoInfo, bytes | None]:
    from lineal.runtime import open_runtime
    from lineal.store.objects import reference
    from lineal_catalog.photos.projection import find_photo

    async with open_runtime(load_settings(folder)) as runtime:
        found = await runtime.store.read(lambda c: find_photo(c, photo))
        if not found.heat_map:
            return found, None
        return found, await runtime.objects.get(reference(found.heat_map, 0, "image/jpeg"))


@app.command()
def verify(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Ids, or unique beginnings of some.")
    ],
    label: Annotated[
        Literal["normal", "defect"],
        typer.Argument(metavar="normal|defect", help="What they show."),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is on a photo, or on several: it is learnt from, and your name is recorded."""
    events = asyncio.run(_verify(existing_data(data), photos, label))
    if as_json:
        print_json(events[0] if len(events) == 1 else events)
        return
    for event in events:
        typer.echo(f"{short_id(event['photo_id'])} is {label}")


async def _verify(
    folder: Path, photos: list[str], label: Literal["normal", "defect"]
) -> list[dict[str, Any]]:
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal.store.connection import Connection
    from lineal_catalog.photos.projection import find_photo
    from lineal_catalog.photos.verification import verify_photo

    def find(connection: Connection) -> list[PhotoInfo]:
        return [find_photo(connection, photo) for photo in photos]

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await require_acting(runtime.store, "review")
        found = await runtime.store.read(find)  # before the first is said: all or none
        said = [await verify_photo(runtime, photo, label, by, _SOURCE) for photo in found]
    return [payload.model_dump(mode="json") for payload in said]


def _fields(photo: PhotoInfo) -> dict[str, Any]:
    return {**photo._asdict(), "found": photo.found}


def _figure(number: float | None) -> str:
    """A score or a threshold: three digits say enough."""
    return "" if number is None else f"{number:.3g}"
