"""``lineal examples run photos``: washers on a belt, some of them scratched, stained or broken."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun

DEFECTS = ("scratch", "stain", "broken")
_STAGES = (
    "photos.arrive", "photos.score", "photos", "photos.learn", "retrain", "retrain.train",
    "retrain.evaluate", "retrain.promote",
)  # fmt: skip


def washer(seed: int, defect: str | None = None) -> bytes:
    """A photo as PNG: a grey ring on a dark belt, never twice the same.

    Args:
        defect: ``scratch``, ``stain`` or ``broken``.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (320, 240), (40, 44, 40))
    draw = ImageDraw.Draw(image)
    x, y = 160 + chance.normal(0, 1.5), 120 + chance.normal(0, 1.5)
    draw.ellipse((x - 90, y - 90, x + 90, y + 90), fill=(165, 168, 172))
    draw.ellipse((x - 38, y - 38, x + 38, y + 38), fill=(40, 44, 40))
    angle = chance.uniform(0, 2 * np.pi)
    u, v = x + 64 * np.cos(angle), y + 64 * np.sin(angle)
    if defect == "scratch":
        draw.line((u - 18, v - 14, u + 18, v + 14), fill=(80, 82, 84), width=3)
    elif defect == "stain":
        draw.ellipse((u - 12, v - 12, u + 12, v + 12), fill=(120, 80, 40))
    elif defect == "broken":
        draw.polygon([(x, y), (u + 30, v - 40), (u + 50, v + 30)], fill=(40, 44, 40))
    pixels = np.asarray(image, dtype=np.float64) * chance.uniform(0.97, 1.03)
    pixels = np.clip(pixels + chance.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


async def show(example: ExampleRun) -> list[str]:
    """Photos arrive, defects are found, a person corrects, and the model learns again."""
    from lineal_schemas.envelope import now_us
    from lineal_schemas.models import ModelEvaluated, ModelPromoted
    from lineal_schemas.photos import DefectDetected, PhotoScored, PhotoVerified

    settings = {
        "retrain": {
            "models": {
                "photos": {
                    "kind": "photos",
                    "purpose": "Finds washers that are scratched, stained or broken.",
                    "min_new_photos": 12,
                }
            }
        }
    }
    async with example.running(_STAGES, settings):
        example.report("40 photos of good washers and 9 of bad ones arrive, with their labels ...")
        for number in range(40):
            await example.put(f"good{number}.png", washer(number), line="washers", verdict="normal")
        for number in range(9):
            await example.put(
                f"bad{number}.png", washer(500 + number, DEFECTS[number % 3]),
                line="washers", verdict="defect",
            )  # fmt: skip
        await example.until_idle()
        example.report("a first model is learnt from the good ones ...")
        await example.learn("photos")
        first = (await example.events_of(ModelEvaluated))[-1]
        example.report("24 further photos arrive, 6 of them of bad washers ...")
        wanted = {}
        for number in range(24):
            defect = DEFECTS[number % 3] if number % 4 == 3 else None
            photo = washer(1000 + number, defect)
            document = await example.put(
                f"new{number}.png", photo, line="washers", piece=f"piece{number}"
            )
            wanted[document] = "normal" if defect is None else "defect"
        await example.until_idle()
        found = {photo.photo_id: photo for photo in await example.events_of(DefectDetected)}
        scored = {
            p.photo_id: p for p in await example.events_of(PhotoScored) if p.photo_id in wanted
        }
        right = sum(scored[one].is_defect == (label == "defect") for one, label in wanted.items())
        drawn = next(iter(found.values()), None)
        if drawn is not None and drawn.heat_map is not None:
            picture = example.folder / "heat-map.jpg"
            picture.write_bytes(await example.runtime.objects.get(drawn.heat_map))
        example.report("a person says what is on them, and the model learns again ...")
        await example.publish(
            *(
                PhotoVerified(
                    photo_id=one,
                    line="washers",
                    content=scored[one].content,
                    captured_us=scored[one].captured_us,
                    group=scored[one].group,
                    label="defect" if label == "defect" else "normal",
                    by="example",
                    verified_us=now_us(),
                )
                for one, label in wanted.items()
            )
        )
        await example.until_idle()
        await example.learn("photos")
        second = (await example.events_of(ModelEvaluated))[-1]
        promoted = [event.model.version for event in await example.events_of(ModelPromoted)]
    return [
        f"version 1: AUROC {first.metrics['auroc']:.3f} on {first.metrics['photos']:.0f} photos "
        "that it did not learn from",
        f"of 24 new photos {right} were told rightly; {len(found)} defects were announced"
        + ("" if drawn is None else ", one drawn in heat-map.jpg"),
        f"verified photos became version 2: AUROC {second.metrics['auroc']:.3f} on "
        f"{second.metrics['photos']:.0f}, against {second.champion_metrics['auroc']:.3f} of "
        "version 1 on the same photos",
        f"in use, one after another: {promoted}; `lineal model rollback photos` goes back",
        "`lineal model card photos` says what it has learnt from, and "
        "`lineal model reproduce photos` makes the same bytes again",
    ]
