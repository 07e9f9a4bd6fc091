"""What worker processes do at their start, so that the first document need not wait for it.

Engines load their models on their first page or text: together some two seconds. Each function
here does a first page or text that is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.stages.declaration import Stage

_TEXT = "Invoice of Mary Smith, 12 Main Street, Springfield, IL 62701. Due on 3 May 2026: $12.50."

_PRELOAD = {
    "classify": (f"{__name__}:inspecting", "pypdfium2"),
    "ocr": ("lineal_consumers.ocr.reading", f"{__name__}:recognizing"),
    "ocr.gather": ("lineal_consumers.ocr.assembling", "pikepdf"),
    "nlp": (f"{__name__}:analyzing",),
}


def modules_to_preload(stages: Sequence[Stage]) -> tuple[str, ...]:
    """What the worker processes of these stages load at their start."""
    return tuple(module for stage in stages for module in _PRELOAD.get(stage.name, ()))


def inspecting() -> None:
    """Load libmagic and its database."""
    from lineal_consumers.classify import inspection  # noqa: F401 - what tasks import
    from lineal_consumers.classify.signature import media_type

    media_type(b"%PDF-1.7\n")


def recognizing() -> None:
    """Load Tesseract with its language data."""
    import cv2
    import numpy as np
    import PIL.Image  # noqa: F401 - what tasks import

    from lineal_consumers.ocr.settings import OcrConfig
    from lineal_consumers.ocr.tesseract import recognize

    page = np.full((200, 800), 255, np.uint8)
    cv2.putText(page, "warm up", (40, 120), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 6)
    recognize(page, 300, OcrConfig().language, 30)


def analyzing() -> None:
    """Load the models of all language engines."""
    from lineal_consumers.nlp.analysis import analyze_text
    from lineal_consumers.nlp.config import NlpConfig

    analyze_text(_TEXT, NlpConfig())
