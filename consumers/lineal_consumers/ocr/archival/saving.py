"""Writes files that conform to PDF/A-2b."""

from __future__ import annotations

from typing import Any


def save_options() -> dict[str, Any]:
    """The options for a conforming file: without encryption and LZW, as PDF 1.7."""
    import pikepdf

    return {
        "deterministic_id": True,
        "force_version": "1.7",
        "encryption": False,
        "stream_decode_level": pikepdf.StreamDecodeLevel.generalized,
        "object_stream_mode": pikepdf.ObjectStreamMode.generate,
    }
