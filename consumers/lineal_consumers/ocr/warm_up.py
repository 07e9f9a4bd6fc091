"""Loads what worker processes need before they are forked, so that no document waits for it."""

from __future__ import annotations


def load_recognition() -> None:
    """Load Tesseract with its language data, by recognising a made-up page."""
    import cv2
    import numpy as np
    import PIL.Image  # noqa: F401 - what tasks import

    from lineal_consumers.ocr import reading  # noqa: F401
    from lineal_consumers.ocr.config import OcrConfig
    from lineal_consumers.ocr.tesseract import recognize

    page = np.full((200, 800), 255, np.uint8)
    cv2.putText(page, "warm up", (40, 120), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 6)
    recognize(page, 300, OcrConfig().language, 30)


def load_writing() -> None:
    """Load what makes searchable PDFs."""
    import pikepdf  # noqa: F401 - what tasks import

    from lineal_consumers.ocr import assembling  # noqa: F401
