"""``lineal examples run restyle``: a drawn picture, a ball that goes, a house that is repainted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun
    from lineal_schemas.restyling import StyledImage


def garden(seed: int = 1) -> bytes:
    """A picture as PNG: a lawn under the sky, a blue house, a red ball."""
    import numpy as np
    from PIL import Image, ImageDraw

    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (480, 320), (150, 190, 225))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 190, 480, 320), fill=(96, 140, 70))
    draw.rectangle((270, 100, 400, 220), fill=(40, 70, 170))
    draw.polygon([(255, 100), (335, 50), (415, 100)], fill=(90, 60, 45))
    draw.ellipse((90, 215, 160, 285), fill=(200, 35, 40))
    pixels = np.asarray(image, np.float64) + chance.normal(0, 5, (320, 480, 3))
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


async def show(example: ExampleRun) -> list[str]:
    """The ball is found by its colour's name, the house by a box; both are filled."""
    from lineal.access.senders import read_acting_credential
    from lineal_catalog.restyling.requests import request_restyling
    from lineal_schemas.restyling import Box, Fill, ImagesReady, MaskPrompt

    example.folder.mkdir(parents=True, exist_ok=True)
    pictures = [garden(seed) for seed in range(3)]
    (example.folder / "garden.png").write_bytes(pictures[0])
    async with example.running(("restyle",), {}):
        by = await read_acting_credential(example.runtime.store)
        wanted = (
            ("no ball", pictures, MaskPrompt(words="the red ball"), Fill()),
            ("a yellow house", pictures[:1], MaskPrompt(box=Box(x=262, y=92, width=146, height=136),
             colour="#2846aa", tolerance=30), Fill(kind="colour", colour="#e0b030")),
            ("a cat", pictures[:1], MaskPrompt(words="red"), Fill(kind="words", words="a cat")),
        )  # fmt: skip
        made: list[StyledImage] = []
        for number, (title, images, mask, fill) in enumerate(wanted, 1):
            example.report(f"{len(images)} of three pictures: {title} ...")
            await request_restyling(
                example.runtime, images, mask, fill, engine=None, by=by,
                source="lineal:cli/examples",
            )  # fmt: skip
            await example.until(ImagesReady, number)
            done = (await example.events_of(ImagesReady))[-1].images[0]
            made.append(done)
            if done.image is not None:
                file = example.folder / f"{title.replace(' ', '-')}.png"
                file.write_bytes(await example.runtime.objects.get(done.image))
    return [
        f"the red ball was found by its colour's name, {made[0].share:.1%} of the picture, and the "
        "lawn continued in its place, on three pictures at once: no-ball.png",
        "the house, found by a box and a colour, is yellow and keeps its light: a-yellow-house.png",
        f"what an engine cannot do it says: {made[2].problem}",
        f"`lineal restyle {example.folder}/garden.png --box 85,210,80,80` does it from a shell",
    ]
