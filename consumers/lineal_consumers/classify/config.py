"""Settings of classification: limits on what a file may unpack to, draw and contain."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

MEBIBYTE = 1024 * 1024


class ClassifyConfig(BaseModel):
    """Settings of ``classify``. What is larger than a limit is rejected, with the limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: PositiveFloat = 180.0
    """How long looking at one file may take."""
    chunk_pages: PositiveInt = 40
    """Most pages of a text layer that are read as one part."""
    pdf_pages: PositiveInt = 50_000
    pdf_operators: PositiveInt = 2_000_000
    """Drawing operators of one page of a PDF, those of forms counted as often as they are drawn."""
    image_side: PositiveInt = 100_000
    """Width or height of an image in pixels."""
    image_pixels: PositiveInt = 250_000_000
    """Width times height of one image: A0 at 300 dpi fits, 30,000 x 30,000 does not."""
    image_bytes: PositiveInt = 600 * MEBIBYTE
    """Its pixels times its colours: what is made of it on the way fits a worker's memory."""
    image_pages: PositiveInt = 5_000
    text_bytes: PositiveInt = 20 * MEBIBYTE
    """Plain text, Markdown, HTML and CSV."""
    email_bytes: PositiveInt = 100 * MEBIBYTE
    """An e-mail with its attachments."""
    archive_entries: PositiveInt = 20_000
    """Files inside an Office document, which is a ZIP archive."""
    archive_bytes: PositiveInt = 512 * MEBIBYTE
    """All XML files inside an Office document together, unpacked."""
    markup_bytes: PositiveInt = 128 * MEBIBYTE
    """One XML file inside an Office document, unpacked."""
    compression_ratio: PositiveFloat = 200.0
    """Unpacked over packed size, looked at from 16 MiB unpacked upwards: real markup stays
    under about 50, bombs are near deflate's best of 1032."""
