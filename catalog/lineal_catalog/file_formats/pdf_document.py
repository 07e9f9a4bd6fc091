"""Opens with qpdf a PDF that PDFium has opened, also where its attachments alone are encrypted."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pikepdf

_ENCRYPTION, _OTHER_KEY = re.compile(rb"/Encrypt(?=[\s<])"), b"/Ignored"
"""Of the trailer, and a name of the same length."""
_MAX_COPIED = 64 << 20
"""Bytes of a file with encrypted attachments."""


def open_document(path: Path) -> pikepdf.Pdf:
    """A PDF that PDFium has opened; of one that asks for a password only its attachments are
    encrypted, and it is opened as if nothing were. Its pages have their inherited attributes.

    Raises:
        PdfError, PasswordError: qpdf cannot open it.
    """
    import pikepdf

    try:
        return pikepdf.open(path, suppress_warnings=True, inherit_page_attributes=True)
    except pikepdf.PasswordError:
        if path.stat().st_size > _MAX_COPIED:
            raise
        plain = _ENCRYPTION.sub(_OTHER_KEY, path.read_bytes())
        return pikepdf.open(io.BytesIO(plain), suppress_warnings=True, inherit_page_attributes=True)
