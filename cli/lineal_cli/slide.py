"""``lineal slide``: puts slides on the bus, lists and shows their scores."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.idle_stages import check_dead_letters, idle_stages_running
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_schemas.slides import Slide, SlideScored

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Slides of billions of pixels: put one, list scores, show where they come from.",
)
_STAGES = ("slides.scatter", "slides.score", "slides.gather")
_POLL_SECONDS = 0.1

SlideArgument = Annotated[str, typer.Argument(metavar="SLIDE", help="Its id.")]


@app.command()
def put(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A pyramidal TIFF, or what OpenSlide reads.",
            exists=True,
            dir_okay=False,
        ),
    ],
    slide: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="From the file's SHA-256 unless given."),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", metavar="NAME", help="Whose it is."),
    ] = None,
    label: Annotated[
        Literal["positive", "negative"] | None,
        typer.Option("--label", help="What a person has found on it."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Until it is scored; does the work where nobody is."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a slide on the bus, to be cut into tiles and scored."""
    made, scored = asyncio.run(_put(load_settings(data).data, file, slide, patient, label, wait))
    if as_json:
        print_json(made.model_dump(mode="json") if scored is None else _fields(scored))
    elif scored is None:
        typer.echo(f"{made.slide_id}: on the bus; `lineal slide list` shows when it is scored")
    else:
        _say(scored)


async def _put(
    folder: Path,
    file: Path,
    slide_id: str | None,
    patient: str | None,
    label: Literal["positive", "negative"] | None,
    wait: bool,
) -> tuple[Slide, SlideScored | None]:
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_catalog.slides.slides import put_slide

    settings = load_settings(folder)
    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "upload")
        try:
            with file.open("rb") as content:
                made = await put_slide(
                    runtime, content, slide_id=slide_id, patient=patient, label=label, by=by,
                    source="lineal:cli/slide",
                )  # fmt: skip
        except ValidationError as error:
            raise CommandFailed(
                "an id has letters, digits, '_', '.' and '-', at most 128"
            ) from error
        return made, await _scored(runtime, made) if wait else None


async def _scored(runtime: Runtime, slide: Slide) -> SlideScored:
    """Wait until a slide is scored, doing what no other process does."""
    from lineal_catalog.slides.slides import scored_slides

    async with idle_stages_running(runtime, _STAGES):
        while True:
            found = (await scored_slides(runtime, slide.slide_id)).get(slide.slide_id)
            if found is not None and found.slide.content == slide.content:
                return found
            await check_dead_letters(runtime, _STAGES, f"slide:{slide.slide_id}", slide.arrived_us)
            await asyncio.sleep(_POLL_SECONDS)


@app.command("list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the slides that were scored, the newest first."""
    found = list(asyncio.run(_all(existing_data(data))).values())
    if as_json:
        print_json([_fields(slide) for slide in found])
        return
    print_table(
        ("slide", "patient", "score", "tiles", "background", "scored by"),
        [
            (one.slide.slide_id, one.slide.patient or "", f"{one.score:.4f}", str(one.scored),
             str(one.background), one.scorer)
            for one in found
        ],
        right=frozenset({"score", "tiles", "background"}),
        empty="No slide was scored yet: `lineal slide put FILE` puts one on the bus.",
    )  # fmt: skip


async def _all(folder: Path) -> dict[str, SlideScored]:
    from lineal.runtime import open_runtime
    from lineal_catalog.slides.slides import scored_slides

    async with open_runtime(load_settings(folder)) as runtime:
        return await scored_slides(runtime)


@app.command()
def show(
    slide: SlideArgument,
    heat_map: Annotated[
        Path | None,
        typer.Option("--heat-map", metavar="FILE", help="Write its ZIP of PNG files there."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a slide's score, and the tiles with the highest."""
    found, drawn = asyncio.run(_show(existing_data(data), slide, heat_map is not None))
    if heat_map is not None and drawn is not None:
        heat_map.write_bytes(drawn)
    if as_json:
        print_json(_fields(found))
    else:
        _say(found)


async def _show(
    folder: Path, slide_id: str, with_heat_map: bool
) -> tuple[SlideScored, bytes | None]:
    from lineal.runtime import open_runtime
    from lineal_catalog.slides.slides import find_slide

    async with open_runtime(load_settings(folder)) as runtime:
        found = await find_slide(runtime, slide_id)
        return found, await runtime.objects.get(found.heat_map) if with_heat_map else None


def _say(slide: SlideScored) -> None:
    grid = slide.grid
    typer.echo(
        f"{slide.slide.slide_id}: score {slide.score:.4f} by {slide.scorer}, "
        f"{grid.width} by {grid.height} pixels, {slide.scored} tiles scored, "
        f"{slide.background} are background"
    )
    for tile in slide.highest[:5]:
        typer.echo(f"  {tile.score:.4f} at {tile.x}, {tile.y}")


def _fields(slide: SlideScored) -> dict[str, Any]:
    fields: dict[str, Any] = slide.model_dump(mode="json")
    return fields
