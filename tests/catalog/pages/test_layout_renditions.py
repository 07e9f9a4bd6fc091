"""hOCR, ALTO and Textract's JSON, each checked against what defines it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import botocore.session
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from lxml import etree  # type: ignore[import-untyped]

from lineal_catalog.documents.made_renditions import RenditionSource
from lineal_catalog.pages.alto import make_alto
from lineal_catalog.pages.hocr import make_hocr
from lineal_catalog.pages.textract import make_textract

_ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
_HTML = "{http://www.w3.org/1999/xhtml}"
_XLINK = b"""<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema"
    targetNamespace="http://www.w3.org/1999/xlink"><xsd:attributeGroup name="simpleLink"/>
    </xsd:schema>"""


class _OnlyXlink(etree.Resolver):  # type: ignore[misc]
    """The schema that ALTO imports, for attributes that we do not write."""

    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        return self.resolve_string(_XLINK, context) if url.endswith("xlink.xsd") else None


@pytest.fixture(scope="module")
def alto_schema() -> etree.XMLSchema:
    parser = etree.XMLParser()
    parser.resolvers.add(_OnlyXlink())
    return etree.XMLSchema(etree.parse(Path(__file__).with_name("alto-4-4.xsd"), parser))


@pytest.fixture(scope="module")
def textract_schema() -> dict[str, Any]:
    """A JSON Schema made of the service model that Amazon's own client reads answers by."""
    model = botocore.session.get_session().get_service_model("textract")
    return _schema(model.operation_model("AnalyzeDocument").output_shape)


def _schema(shape: Any) -> dict[str, Any]:
    match shape.type_name:
        case "structure":
            return {
                "type": "object",
                "properties": {name: _schema(item) for name, item in shape.members.items()},
                "required": shape.required_members,
                "additionalProperties": False,
            }
        case "list":
            return {"type": "array", "items": _schema(shape.member), **_sizes(shape, "Items")}
        case "string":
            found: dict[str, Any] = {"type": "string", **_sizes(shape, "Length")}
            if shape.enum:
                found["enum"] = shape.enum
            if pattern := shape.metadata.get("pattern"):
                found["pattern"] = pattern
            return found
        case "float" | "double":
            return {"type": "number", **_bounds(shape)}
        case "integer" | "long":
            return {"type": "integer", **_bounds(shape)}
        case "boolean":
            return {"type": "boolean"}
    raise AssertionError(shape.type_name)


def _sizes(shape: Any, of: str) -> dict[str, int]:
    names = {"min": f"min{of}", "max": f"max{of}"}
    return {names[key]: shape.metadata[key] for key in names if key in shape.metadata}


def _bounds(shape: Any) -> dict[str, float]:
    names = {"min": "minimum", "max": "maximum"}
    return {names[key]: shape.metadata[key] for key in names if key in shape.metadata}


def source(pages: list[list[str]], **more: Any) -> RenditionSource:
    """A document whose pages have these lines, each word at a place of its own."""
    text, made = "", []
    for number, lines in enumerate(pages, 1):
        if number > 1:
            text += "\f"
        begin, words = len(text), []
        for row, line in enumerate(lines):
            if row:
                text += "\n"
            for column, word in enumerate(line.split(" ")):
                if column:
                    text += " "
                at = len(text)
                text += word
                if word:
                    words.append([at, len(text), 0.5 + 0.4 / (1 + column), 0.1 + 0.1 * column % 0.8,
                                  0.05 + 0.04 * row % 0.9, 0.09, 0.03, row])  # fmt: skip
        made.append({"number": number, "begin": begin, "end": len(text), "width": 595.0,
                     "height": 842.0, "source": "ocr", "dpi": 300, "language": "deu",
                     "words": words, "key_values": [], "tables": []} | more)  # fmt: skip
    result = {"engines": [{"name": "tesseract", "version": "5.5", "parameters": {"dpi": "300"}}],
              "text": text, "pages": made}  # fmt: skip
    return RenditionSource(
        "id", 'a "name"; <b>.pdf', "pdf", "application/pdf", "ab" * 32, "", None,
        gzip.compress(orjson.dumps(result)), None,
    )  # fmt: skip


def with_analysis(made: RenditionSource, entity: str) -> RenditionSource:
    text = orjson.loads(gzip.decompress(made.result))["text"]
    begin = text.index(entity)
    entities = [{"type": "EMAIL", "text": entity, "value": None, "personal": True,
                 "occurrences": [[begin, begin + len(entity), 0.9]]}]  # fmt: skip
    return made._replace(analysis=gzip.compress(orjson.dumps({"entities": entities})))


_FIELD = {"key": "Total:", "value": "99 EUR", "confidence": 0.9, "key_box": [0.1, 0.05, 0.09, 0.03],
          "value_box": [0.2, 0.05, 0.2, 0.03]}  # fmt: skip
_TABLE = {"rows": [["Total:", "99 EUR"], ["to", "me"]], "confidence": 0.8, "title": None,
          "box": [0.0, 0.0, 1.0, 1.0]}  # fmt: skip
LETTER = source(
    [["Total: 99 EUR", "to ann@example.com me"], ["Zweite <Seite> & mehr"]],
    key_values=[_FIELD], tables=[_TABLE],
)  # fmt: skip


def test_alto_holds_each_word_at_its_place_and_names_its_entities(
    alto_schema: etree.XMLSchema,
) -> None:
    root = etree.fromstring(make_alto(with_analysis(LETTER, "ann@example.com")))
    alto_schema.assertValid(root)
    strings = root.findall(f".//{_ALTO}String")
    assert [item.get("CONTENT") for item in strings][:3] == ["Total:", "99", "EUR"]
    first = strings[0]
    page = root.find(f".//{_ALTO}Page")
    assert page is not None
    assert (page.get("WIDTH"), page.get("HEIGHT")) == ("2479", "3508")
    assert (first.get("HPOS"), first.get("VPOS")) == ("248", "175")
    (tag,) = root.findall(f".//{_ALTO}NamedEntityTag")
    assert (tag.get("TYPE"), tag.get("LABEL")) == ("EMAIL", "ann@example.com")
    tagged = [item.get("CONTENT") for item in strings if item.get("TAGREFS") == tag.get("ID")]
    assert tagged == ["ann@example.com"]


def test_hocr_is_as_its_specification_says() -> None:
    root = etree.fromstring(make_hocr(LETTER), etree.XMLParser(load_dtd=False, no_network=True))
    metas = {item.get("name"): item.get("content") for item in root.iter(f"{_HTML}meta")}
    assert metas["ocr-system"] == "tesseract 5.5"
    used = {item.get("class") for item in root.iter() if item.get("class")}
    assert used <= set(metas["ocr-capabilities"].split())
    pages = [item for item in root.iter() if item.get("class") == "ocr_page"]
    assert len(pages) == int(metas["ocr-number-of-pages"]) == 2
    for page in pages:
        outer = _bbox(page)
        for line in page.iter(f"{_HTML}span"):
            left, top, right, bottom = _bbox(line)
            assert outer[0] <= left <= right <= outer[2] and outer[1] <= top <= bottom <= outer[3]
            if line.get("class") == "ocrx_word":
                assert re.search(r"; x_wconf \d{1,3}$", str(line.get("title")))
    assert "Zweite" in "".join(root.itertext()) and "<Seite>" in "".join(root.itertext())


def _bbox(item: Any) -> list[int]:
    found = re.search(r"bbox (\d+) (\d+) (\d+) (\d+)", item.get("title"))
    assert found is not None
    return [int(side) for side in found.groups()]


def test_textracts_json_fits_amazons_own_model(textract_schema: dict[str, Any]) -> None:
    answer = orjson.loads(make_textract(LETTER))
    Draft202012Validator(textract_schema).validate(answer)
    blocks = {block["Id"]: block for block in answer["Blocks"]}
    assert len(blocks) == len(answer["Blocks"])
    # As the samples of Amazon read them: from key to value to words.
    key = next(b for b in blocks.values() if b.get("EntityTypes") == ["KEY"])
    assert _words(blocks, key, "CHILD") == "Total:"
    (value,) = (blocks[id] for id in _related(key, "VALUE"))
    assert _words(blocks, value, "CHILD") == "99 EUR"
    table = next(b for b in blocks.values() if b["BlockType"] == "TABLE")
    cells = [blocks[id] for id in _related(table, "CHILD")]
    assert [(c["RowIndex"], c["ColumnIndex"], _words(blocks, c, "CHILD")) for c in cells] == [
        (1, 1, "Total:"), (1, 2, "99 EUR"), (2, 1, "to"), (2, 2, "me"),
    ]  # fmt: skip
    pages = [b for b in blocks.values() if b["BlockType"] == "PAGE"]
    for page in pages:
        below = {blocks[id]["BlockType"] for id in _related(page, "CHILD")}
        assert {"LINE", "TABLE", "KEY_VALUE_SET"} >= below


def _related(block: dict[str, Any], kind: str) -> list[str]:
    return [id for item in block.get("Relationships", ()) if item["Type"] == kind
            for id in item["Ids"]]  # fmt: skip


def _words(blocks: dict[str, Any], block: dict[str, Any], kind: str) -> str:
    return " ".join(blocks[id]["Text"] for id in _related(block, kind))


@given(st.lists(st.lists(st.text(max_size=12), max_size=4), min_size=1, max_size=3), st.booleans())
def test_any_text_gives_valid_forms(pages: list[list[str]], with_places: bool) -> None:
    """Control characters and lone surrogates of broken files too, and text that has no pages."""
    lines = [[re.sub("[\n\f\ud800-\udfff]", "?", line) for line in page] for page in pages]
    made = source(lines) if with_places else source(lines, words=[], width=0, height=0, dpi=None)
    parser = etree.XMLParser()
    parser.resolvers.add(_OnlyXlink())
    schema = etree.XMLSchema(etree.parse(Path(__file__).with_name("alto-4-4.xsd"), parser))
    schema.assertValid(etree.fromstring(make_alto(made)))
    etree.fromstring(make_hocr(made))
    model = botocore.session.get_session().get_service_model("textract")
    shape = _schema(model.operation_model("AnalyzeDocument").output_shape)
    Draft202012Validator(shape).validate(orjson.loads(make_textract(made)))
