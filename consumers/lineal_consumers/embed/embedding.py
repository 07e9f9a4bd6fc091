"""Makes the vectors of a text; runs in a worker process."""

from __future__ import annotations

from typing import NamedTuple

from lineal.stages import Reject
from lineal_catalog.meaning.engine import model_id, quantize
from lineal_catalog.meaning.engines import EngineName, choose_engine
from lineal_catalog.meaning.paragraphs import Paragraph, split_paragraphs


class Embedded(NamedTuple):
    """The paragraphs of a text with their vectors."""

    model: str
    paragraphs: tuple[Paragraph, ...]
    vectors: bytes
    left_out: int
    """Paragraphs beyond those that may have vectors."""


def embed_text(text: str, engine_name: EngineName, max_paragraphs: int) -> Embedded:
    """Split a text into paragraphs, and embed each.

    Raises:
        Reject: a library that this needs is not installed.
    """
    try:
        engine = choose_engine(engine_name)
        paragraphs = split_paragraphs(text)
        kept = tuple(paragraphs[:max_paragraphs])
        vectors = engine.embed([item.embedded_text for item in kept])
        data = quantize(vectors).tobytes() if kept else b""
    except ModuleNotFoundError as error:
        raise Reject(f"vectors need `pip install 'lineal[documents]'` ({error})") from error
    return Embedded(model_id(engine), kept, data, len(paragraphs) - len(kept))
