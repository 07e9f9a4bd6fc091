"""Recognises the services on an image by their names and their icons; runs in a worker process."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from lineal.stages import Reject
from lineal_consumers.diagrams.icons import IconFile, find_icons
from lineal_consumers.diagrams.naming import Sighting, find_names
from lineal_consumers.diagrams.reading import SCALES, read_lines
from lineal_consumers.diagrams.vocabulary import aliases, vocabulary
from lineal_schemas.diagrams import PixelBox, ServiceLabel

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_BOXES = 20


class Recognised(BaseModel):
    """What was recognised on an image."""

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    labels: tuple[ServiceLabel, ...]
    """Of any score, the surest first."""


def recognise(
    data: bytes,
    further: bytes | None,
    icons: tuple[IconFile, ...],
    min_side: int,
    max_pixels: int,
    seconds: float,
) -> Recognised | None:
    """The services on an image; None: it is too small to show an architecture.

    Args:
        further: a file of services beside ours.
        icons: that are looked for.

    Raises:
        Reject: it is no image that can be read, or has too many pixels.
    """
    import numpy as np

    image = _opened(data, max_pixels)
    width, height = image.size
    if min(width, height) < min_side:
        return None
    names = aliases(vocabulary(further))
    gray = np.asarray(image.convert("L"))
    try:
        seen = [
            name for scale in SCALES for name in find_names(read_lines(gray, seconds, scale), names)
        ]
    except TimeoutError as error:
        raise Reject("reading the image takes too long") from error
    by_text = [_label(name, "text", found) for name, found in _by_service(seen)]
    by_icon = []
    if icons:
        pictured = find_icons(np.asarray(image), icons)
        by_icon = [_label(name, "icon", found) for name, found in _by_service(pictured)]
    return Recognised(width=width, height=height, labels=joined([*by_text, *by_icon]))


def _opened(data: bytes, max_pixels: int) -> Image:
    """The image on white, in colours."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP", "BMP")) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise Reject(f"the image has {width} x {height} pixels; at most {max_pixels}")
            colours = image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Reject(f"it is no image that can be read: {error}") from error
    except Image.DecompressionBombError as error:
        raise Reject("the image has too many pixels") from error
    ground = Image.new("RGBA", colours.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, colours).convert("RGB")


def _by_service(seen: Iterable[Sighting]) -> list[tuple[str, list[Sighting]]]:
    found: dict[str, list[Sighting]] = {}
    for sighting in seen:
        found.setdefault(sighting.service, []).append(sighting)
    return list(found.items())


def _label(service: str, by: str, found: Sequence[Sighting]) -> ServiceLabel:
    best = sorted(found, key=lambda sighting: (-sighting.score, sighting.box))
    return ServiceLabel.model_validate(
        {
            "service": service,
            "score": min(100, max(0, round(best[0].score))),
            "by": by,
            "boxes": tuple(sighting.box for sighting in best[:_MAX_BOXES]),
        }
    )


def joined(labels: Iterable[ServiceLabel]) -> tuple[ServiceLabel, ...]:
    """Each service once, with its best score and all of its places."""
    found: dict[str, ServiceLabel] = {}
    for label in sorted(labels, key=lambda label: -label.score):
        first = found.get(label.service)
        if first is None:
            found[label.service] = label
        else:
            boxes: tuple[PixelBox, ...] = tuple(dict.fromkeys((*first.boxes, *label.boxes)))
            found[label.service] = first.model_copy(update={"boxes": boxes[:_MAX_BOXES]})
    return tuple(sorted(found.values(), key=lambda label: (-label.score, label.service)))
