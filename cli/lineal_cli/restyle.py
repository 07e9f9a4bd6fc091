"""``lineal restyle``: finds a part of images and fills it anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import FAILED, CommandFailed, DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_schemas.restyling import Fill, ImagesReady, MaskPrompt

_POLL_SECONDS = 0.1
_MAX_IMAGES = 3


def restyle(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="One to three.", exists=True, dir_okay=False),
    ],
    box: Annotated[
        str | None,
        typer.Option("--box", metavar="X,Y,W,H", help="The thing in a rectangle, in pixels."),
    ] = None,
    entire_box: Annotated[
        bool, typer.Option("--entire-box", help="All of the rectangle, whatever is in it.")
    ] = False,
    colour: Annotated[
        str | None, typer.Option("--colour", metavar="RRGGBB", help="All of about this colour.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="How far the colour may be off (CIE L*a*b*).")
    ] = 20.0,
    words: Annotated[
        str | None,
        typer.Option("--words", metavar="TEXT", help="What is meant: 'red', or as an engine sees."),
    ] = None,
    recolour: Annotated[
        str | None,
        typer.Option("--recolour", metavar="RRGGBB", help="Give it this colour."),
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Blur it.")] = False,
    draw: Annotated[
        str | None,
        typer.Option("--draw", metavar="TEXT", help="Draw this; needs an engine that draws."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn.")] = 0,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="opencv, diffusers, ...")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the images are written.")
    ] = Path("restyled"),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find a part of images by a box, a colour or words, and remove, recolour or redraw it.

    Without --recolour, --blur or --draw it is removed: what is around it is continued. Does the
    work itself where no daemon runs the stage restyle, and waits for it.
    """
    from pydantic import ValidationError

    from lineal_cli.lifetime import run_in_loop
    from lineal_cli.printing import print_json
    from lineal_schemas.restyling import Fill, MaskPrompt

    if len(images) > _MAX_IMAGES:
        raise typer.BadParameter("at most three at once", param_hint="IMAGE")
    if sum((recolour is not None, blur, draw is not None)) > 1:
        raise typer.BadParameter("say one of --recolour, --blur, --draw", param_hint="--recolour")
    kind = "colour" if recolour else "blur" if blur else "words" if draw else "remove"
    try:
        mask = MaskPrompt(
            box=None if box is None else _box(box), entire_box=entire_box, colour=_colour(colour),
            tolerance=tolerance, words=words,
        )  # fmt: skip
        fill = Fill(kind=kind, colour=_colour(recolour), words=draw, seed=seed)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise typer.BadParameter(first["msg"], param_hint="--box, --colour, --words") from error
    ready = run_in_loop(_restyle(load_settings(data), images, mask, fill, engine, out))
    if as_json:
        print_json(ready.model_dump(mode="json"))
    for path, one in zip(images, ready.images, strict=True):
        if one.problem is not None:
            typer.echo(f"lineal: {path.name}: {one.problem}", err=True)
        elif not as_json:
            typer.echo(f"{out / _name(path)}  {one.share:.1%} of it filled by {ready.engine}")
    if any(one.problem is not None for one in ready.images):
        raise typer.Exit(FAILED)


def _colour(text: str | None) -> str | None:
    """With its #, which a shell takes for the beginning of a comment."""
    return text if text is None or text.startswith("#") else f"#{text}"


def _box(text: str) -> Any:
    from lineal_schemas.restyling import Box

    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r} is not X,Y,W,H", param_hint="--box")
    x, y, width, height = map(int, parts)
    return Box(x=x, y=y, width=width, height=height)


async def _restyle(
    settings: Settings,
    images: list[Path],
    mask: MaskPrompt,
    fill: Fill,
    engine: str | None,
    out: Path,
) -> ImagesReady:
    import asyncio

    from lineal.access.senders import require_acting
    from lineal.daemon import Daemon
    from lineal.errors import UnknownStage
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal.stages.discovery import find_stages
    from lineal_catalog.restyling.requests import find_restyling, request_restyling

    configure_logging("error", "console")
    try:
        stages = find_stages(["restyle"])
    except UnknownStage as error:
        raise CommandFailed(str(error)) from error
    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "upload")
        daemon = Daemon(runtime, stages)
        await daemon.start()
        try:
            contents = [await asyncio.to_thread(path.read_bytes) for path in images]
            request = await request_restyling(
                runtime, contents, mask, fill, engine=engine, by=by, source="lineal:cli/restyle"
            )
            while True:
                found = await find_restyling(runtime, request.request_id, by)
                if found.problem is not None:
                    raise CommandFailed(found.problem)
                if found.ready is not None:
                    break
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await daemon.stop()
        for path, one in zip(images, found.ready.images, strict=True):
            if one.image is not None and one.mask is not None:
                image, mask_image = [await runtime.objects.get(r) for r in (one.image, one.mask)]
                await asyncio.to_thread(_write, out, path, image, mask_image)
        return found.ready


def _write(out: Path, path: Path, image: bytes, mask: bytes) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / _name(path)).write_bytes(image)
    (out / f"{path.stem}-mask.png").write_bytes(mask)


def _name(path: Path) -> str:
    return f"{path.stem}.png"
