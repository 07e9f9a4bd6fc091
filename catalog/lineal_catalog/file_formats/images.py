"""The formats of image files that are read, by Pillow's names."""

from __future__ import annotations

_FORMATS = (
    "PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "DIB", "JPEG2000", "AVIF", "PPM",
)  # fmt: skip
"""The reader of JPEG also yields MPO, several JPEGs in one file; that of JPEG 2000 takes bare
codestreams; that of PPM all of Netpbm's formats, which scanning programs write."""
_HEIF = "HEIF"


def readable_formats() -> tuple[str, ...]:
    """The formats that this installation reads: HEIF, which telephones send, where the extra
    ``heif`` is installed."""
    try:
        from pi_heif import register_heif_opener  # type: ignore[import-untyped]
    except ImportError:
        return _FORMATS
    register_heif_opener()
    return (*_FORMATS, _HEIF)
