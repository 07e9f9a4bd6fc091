"""Office packages made of a few parts, written by hand: what no library writes, people send."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
STRICT = (
    ("http://schemas.openxmlformats.org/officeDocument/2006/", "http://purl.oclc.org/ooxml/officeDocument/"),
    (W, "http://purl.oclc.org/ooxml/wordprocessingml/main"),
    (S, "http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (P, "http://purl.oclc.org/ooxml/presentationml/main"),
    (A, "http://purl.oclc.org/ooxml/drawingml/main"),
)  # fmt: skip


def relations(**targets: str) -> str:
    """Relations with ids and types as named (``header_1=...`` is of type ``header``)."""
    items = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{name.partition("_")[0]}" Target="{target}"/>'
        for name, target in targets.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{items}</Relationships>'


def package(main: str, parts: Mapping[str, str | bytes], *, strict: bool = False) -> bytes:
    """A package whose document is the part ``main``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"_rels/.rels": relations(officeDocument=main), **parts}.items():
            if strict and isinstance(content, str):
                for usual, other in STRICT:
                    content = content.replace(usual, other)
            archive.writestr(name, content)
    return out.getvalue()


def word(body: str, *, strict: bool = False, **parts: tuple[str, str | bytes]) -> bytes:
    """A DOCX with this body; further parts by their relation: (name of the part, content)."""
    targets = relations(**{relation: name for relation, (name, _) in parts.items()})
    names = f'xmlns:w="{W}" xmlns:r="{OFFICE}" xmlns:a="{A}" xmlns:c="{C}"'
    found: dict[str, str | bytes] = {
        "word/document.xml": f"<w:document {names}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": targets,
    }
    for name, content in parts.values():
        found[f"word/{name}"] = content
    return package("word/document.xml", found, strict=strict)


def paragraph(text: str) -> str:
    return f'<w:p xmlns:w="{W}"><w:r><w:t>{text}</w:t></w:r></w:p>'


def workbook(
    rows: str,
    *,
    strict: bool = False,
    styles: str = "",
    sheet: str = "",
    **parts: tuple[str, str],
) -> bytes:
    """An XLSX of one sheet with these rows; further parts by their relation to the sheet."""
    sheet_parts = relations(**{relation: name for relation, (name, _) in parts.items()})
    found: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{OFFICE}"><sheets>'
        f'<sheet name="One" r:id="worksheet_1" {sheet}/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(worksheet_1="sheet.xml", styles="styles.xml"),
        "xl/sheet.xml": f'<worksheet xmlns="{S}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/_rels/sheet.xml.rels": sheet_parts,
        "xl/styles.xml": f'<styleSheet xmlns="{S}">{styles}</styleSheet>',
    }
    for name, content in parts.values():
        found[f"xl/{name}"] = content
    return package("xl/workbook.xml", found, strict=strict)
