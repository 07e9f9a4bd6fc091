"""Loads what worker processes need before they are forked, so that no document waits for it."""

from __future__ import annotations


def load() -> None:
    """Load libmagic with its database, and pdfium."""
    import pypdfium2  # noqa: F401 - what tasks import

    from lineal_consumers.classify import inspection  # noqa: F401
    from lineal_consumers.classify.signature import media_type

    media_type(b"%PDF-1.7\n")
