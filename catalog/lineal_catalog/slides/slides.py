"""Puts slides on the bus, and finds their scores."""

from __future__ import annotations

import zipfile
from asyncio import to_thread
from pathlib import Path
from typing import BinaryIO

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.slides import Slide, SlideArrived, SlideLabel, SlideScored

_ANY = "application/octet-stream"


class UnknownSlide(LinealError, LookupError):
    """No slide of this id was scored, or no such part of its heat map was drawn."""


async def put_slide(
    runtime: Runtime,
    content: BinaryIO,
    *,
    slide_id: str | None,
    patient: str | None,
    label: SlideLabel | None,
    by: Credential,
    source: str,
) -> Slide:
    """Store a slide's file, whatever its size, and put it on the bus; durable on return.

    Args:
        slide_id: the beginning of the file's SHA-256 unless given: names of files often say who.
        source: the ingress: ``lineal:cli/slide``, ``lineal:http``.

    Raises:
        NotPermitted: they may not.
        pydantic.ValidationError: the id is none.
    """
    by.require("upload")
    stored = await runtime.objects.put_file(content)
    slide = Slide(
        slide_id=slide_id or stored.sha256[:16],
        content=reference(stored.sha256, stored.bytes, _ANY),
        patient=patient,
        label=label,
        arrived_us=now_us(),
    )
    payload = SlideArrived(slide=slide)
    said = slide.model_dump_json(exclude={"arrived_us"})
    identifier = arrival_id(source, stored.sha256, said)
    await publish_act(runtime, payload, id=identifier, source=source, actor=by.actor)
    return slide


async def scored_slides(runtime: Runtime, slide_id: str | None = None) -> dict[str, SlideScored]:
    """The newest score of each slide, or of one, by its id; the one scored last first."""
    found: dict[str, SlideScored] = {}
    async for event in events_on_topic(runtime, SlideScored, slide_id):
        found.pop(event.data.slide.slide_id, None)
        found[event.data.slide.slide_id] = event.data
    return dict(reversed(found.items()))


async def find_slide(runtime: Runtime, slide_id: str) -> SlideScored:
    """The newest score of a slide.

    Raises:
        UnknownSlide: there is none.
    """
    found = (await scored_slides(runtime, slide_id)).get(slide_id)
    if found is None:
        raise UnknownSlide(
            f"no slide {slide_id!r} was scored; `lineal slide list` shows those that were, and "
            "`lineal dead list` what failed"
        )
    return found


async def heat_map_tile(runtime: Runtime, slide: SlideScored, zoom: int, x: int, y: int) -> bytes:
    """A PNG of 256 by 256 pixels of a heat map.

    Raises:
        UnknownSlide: the heat map does not reach there.
        ObjectMissing: it was erased.
    """
    return await to_thread(_read, await runtime.objects.path(slide.heat_map), f"{zoom}/{x}/{y}.png")


def _read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:  # which compares what is read with its checksum
        try:
            return archive.read(name)
        except KeyError:
            raise UnknownSlide(f"the heat map has no {name}") from None
