"""The searchable PDF: the pages as they were, with the recognised words invisibly in their place.

Written with pikepdf and an own font rather than by OCRmyPDF as a library: that runs its own
rasterising and recognition around the result (0.77 to 1.02 pages/s a core against 1.41 for
recognition alone), and needs a process pool of its own inside our worker processes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.glyphless_font import GlyphlessFont
from lineal_consumers.ocr.page_geometry import Affine, user_space_from_seen
from lineal_consumers.ocr.text_overlay import FONT, text_overlay
from lineal_schemas.results import Page

if TYPE_CHECKING:
    import pikepdf


class PageWriter:
    """Adds text to a PDF page by page."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._font = GlyphlessFont(pdf)

    def add_text(self, target: pikepdf.Page, page: Page, text: str, to_user: Affine) -> None:
        """Lay the words of ``page`` under the contents of ``target``.

        Under, because the graphics state at the begin of the contents is known; at their end it is
        whatever a broken producer left.
        """
        content = text_overlay(page, text, to_user, self._font.encode)
        if not content:
            return
        _own_font_resources(target)["/" + FONT] = self._font.object
        target.contents_add(content, prepend=True)

    def to_bytes(self, *, archival: bool = True) -> bytes:
        """The finished file; equal pages give equal bytes.

        Args:
            archival: as PDF/A-2b if nothing would be lost by it, which adds metadata.
        """
        from lineal_consumers.ocr.archival.obstacles import find_obstacles
        from lineal_consumers.ocr.archival.repairs import make_conforming
        from lineal_consumers.ocr.archival.saving import save_options

        self._font.finish()
        options: dict[str, Any] = {"deterministic_id": True}
        if archival and not find_obstacles(self._pdf):
            make_conforming(self._pdf)
            options = save_options()
        out = io.BytesIO()
        self._pdf.save(out, **options)
        return out.getvalue()


def _own_font_resources(target: pikepdf.Page) -> Any:
    """The fonts of a page, no longer shared with other pages."""
    import pikepdf

    resources = pikepdf.Dictionary(dict(target.resources.items()))
    fonts = resources.get("/Font", pikepdf.Dictionary())
    resources["/Font"] = pikepdf.Dictionary(dict(fonts.items()))
    target.obj["/Resources"] = resources
    return target.obj["/Resources"]["/Font"]


class PdfOverlay:
    """Gives an existing PDF its text layer.

    Raises:
        pikepdf.PdfError: from any method; a file that pdfium can repair and qpdf cannot.
        pikepdf.PasswordError: a file of which only the pages are open to all.
    """

    def __init__(self, path: str) -> None:
        import pikepdf

        self._path = path
        self._pdf = pikepdf.open(path)
        self._writer = PageWriter(self._pdf)

    def add(self, page: Page, text: str) -> None:
        """Lay the words of a page under the original one, and turn it upright."""
        from lineal_consumers.ocr.pdf_files import open_page

        if not page.words:
            return
        with open_page(self._path, page.number) as original:
            to_user = user_space_from_seen(original)
        target = self._pdf.pages[page.number - 1]
        self._writer.add_text(target, page, text, to_user)
        if page.rotation:
            target.rotate(page.rotation, relative=True)

    def replace(self, page: Page, text: str) -> None:
        """Put a picture of the page in the place of its contents, and these words under it.

        Raises:
            Reject: the page cannot be drawn.
        """
        from lineal_consumers.ocr.page_picture import show_picture
        from lineal_consumers.ocr.pdf_files import open_page

        with open_page(self._path, page.number) as original:
            to_user = user_space_from_seen(original)
            size = original.get_size()
        target = self._pdf.pages[page.number - 1]
        show_picture(self._pdf, target, self._path, page.number, size, to_user)
        self._writer.add_text(target, page, text, to_user)
        if page.rotation:
            target.rotate(page.rotation, relative=True)

    def to_bytes(self) -> bytes:
        return self._writer.to_bytes()


class ImagePdf:
    """Makes a PDF of an image file, a page of the image's physical size for each frame."""

    def __init__(self, path: str) -> None:
        import pikepdf

        self._path = path
        self._pdf = pikepdf.new()
        self._writer = PageWriter(self._pdf)

    def add(self, page: Page, text: str) -> None:
        """Add the frame of a recognised page, turned upright, with its words."""
        from lineal_consumers.ocr.image_page import add_image_page

        width, height = page.width, page.height
        if page.rotation % 180:
            width, height = height, width
        target = add_image_page(self._pdf, self._path, page.number, width, height)
        if page.rotation:
            target.obj["/Rotate"] = page.rotation
        self._writer.add_text(target, page, text, Affine(1, 0, 0, -1, 0, height))

    def to_bytes(self) -> bytes:
        return self._writer.to_bytes()
