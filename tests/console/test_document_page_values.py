"""What a page of a document shows of what was found on it."""

from __future__ import annotations

from typing import Any, cast

from lineal_catalog.pages.view import StoredPages
from lineal_console.document_page_values import page_values
from lineal_schemas.fields import ExtractedField, FieldValues


class _Pages:
    """Pages on one of which a person's corrections stand, beside a pair that was read."""

    def view(self, analysis: bytes | None, number: int) -> dict[str, Any]:
        said = {"key": "number", "value": "WX 26", "confidence": 1.0}
        read = {"key": "Fr.", "value": "Lenz", "confidence": 0.4}
        box = {"key_box": None, "value_box": None}
        return {"fields": [said | box, read | box], "words": [], "height": 800, "width": 600}


async def test_a_corrected_field_is_shown_once() -> None:
    found = ExtractedField(name="number", type="text", value="WX 26", confidence=1.0)
    stored = FieldValues(document_class="invoice", fields=(found,)).model_dump_json().encode()
    shown = await page_values(cast("StoredPages", _Pages()), None, stored, 1, "")
    assert [(item["key"], item["value"]) for item in shown["view"]["fields"]] == [
        ("number", "WX 26"),
        ("Fr.", "Lenz"),
    ]
