"""What a worker process does with one image. It holds one engine, and so one model, at a time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lineal_consumers.restyle.engine import CannotRestyle, RestyleEngine, engine_class
from lineal_schemas.restyling import Fill, MaskPrompt

_AROUND = 3
"""Pixels around a thing that have something of its colour."""
_held: dict[tuple[str, str, str], RestyleEngine] = {}
"""At most one: loaded by the first image that wants it, let go by one that wants another."""


class Restyled(NamedTuple):
    """A changed image and its mask, as PNG; or why there is none."""

    image: bytes
    mask: bytes
    share: float
    problem: str = ""


def restyle_image(
    data: bytes, name: str, models: str, device: str, prompt: MaskPrompt, fill: Fill
) -> Restyled:
    """Find and fill.

    Raises:
        UnknownEngine: there is no such engine, or its models are not there.
    """
    from lineal_consumers.restyle.pictures import decode, encode

    engine = _engine(name, models, device)
    try:
        image = decode(data)
        if prompt.grow is None:
            around = _AROUND if fill.kind in ("remove", "words") else 0
            prompt = prompt.model_copy(update={"grow": around})
        mask = engine.find(image, prompt)
        made = engine.fill(image, mask, fill)
    except CannotRestyle as error:
        return Restyled(b"", b"", 0.0, str(error))
    return Restyled(encode(made), encode(mask), float(mask.mean()))


def _engine(name: str, models: str, device: str) -> RestyleEngine:
    key = name, models, device
    if key not in _held:
        _held.clear()
        _held[key] = engine_class(name)(Path(models) if models else None, device)
    return _held[key]
