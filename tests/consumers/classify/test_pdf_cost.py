"""PDFs and pictures of some kilobytes that would take minutes or gigabytes are refused at once."""

from __future__ import annotations

import io
import zlib

import pytest

from lineal.stages import Reject

_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_BOX = b"/MediaBox[0 0 612 792]"


def packed(data: bytes, entries: bytes = b"", times: int = 1) -> bytes:
    filters = b"/FlateDecode" * times
    for _ in range(times):
        data = zlib.compress(data, 9)
    return b"<<%b/Filter[%b]/Length %d>>\nstream\n%b\nendstream" % (
        entries, filters, len(data), data,
    )  # fmt: skip


def one_page(content: bytes, entries: bytes = b"", *more: bytes) -> list[bytes]:
    page = b"<</Type/Page/Parent 2 0 R%b/Contents 4 0 R%b>>" % (_BOX, entries)
    return [_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, content, *more]


@pytest.mark.parametrize(
    ("limit", "objects"),
    [
        ("operators", one_page(packed(b"10 10 50 50 re f\n" * 200_000))),
        ("operators", one_page(packed(b"0 0 m " + b"6 7 0 7 6 0 c\n" * 60_000 + b"S"))),
        (
            "operators",
            one_page(
                packed(b"/Pattern cs " + b"/P scn 0 0 9 9 re f\n" * 200),
                b"/Resources<</Pattern<</P 5 0 R>>>>",
                packed(b"0 0 1 1 re f\n" * 2_000, b"/PatternType 1/BBox[0 0 9 9]/XStep 1/YStep 1"),
            ),
        ),
        (
            "operators",
            one_page(
                packed(b""),
                b"/Annots[%b]" % (b"5 0 R " * 5_000),
                b"<</Subtype/Stamp/Rect[0 0 9 9]/AP<</N 6 0 R>>>>",
                packed(b"0 0 m 9 9 l S\n" * 2_000, b"/Subtype/Form/BBox[0 0 9 9]"),
            ),
        ),
        (
            "operators",
            one_page(
                packed(b""),
                b"/Annots[%b]" % (b"5 0 R " * 5_000),
                b"<</Subtype/Widget/Rect[0 0 9 9]/AS/Yes/AP<</N<</Yes 6 0 R>>>>>>",
                packed(b"0 0 m 9 9 l S\n" * 2_000, b"/Subtype/Form/BBox[0 0 9 9]"),
            ),
        ),
        ("operators", one_page(packed(b"q Q\n" * 5_000), b"/Contents[%b]" % (b"4 0 R " * 500))),
        ("annotations", one_page(packed(b""), b"/Annots[%b]" % (b"5 0 R " * 20_001), b"<<>>")),
        ("unpacks too much", one_page(packed(b" " * 80_000_000))),
        ("unpacks too much", one_page(packed(b" " * 80_000_000, times=2))),
        (
            "repeats pages",
            [
                _CATALOG,
                b"<</Type/Pages/Kids[%b]/Count 5000>>" % (b"3 0 R " * 5_000),
                b"<</Type/Page/Parent 2 0 R%b>>" % _BOX,
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_draws_or_unpacks_more_than_its_size_explains_is_refused_with_the_limit(
    limit, objects, inspect, pdf_of_objects
):
    with pytest.raises(Reject, match=limit):
        inspect(pdf_of_objects(objects))


def test_a_map_of_many_different_lines_is_read(inspect, pdf_of_objects):
    lines = b"".join(
        b"%d %d m %d %d l S\n" % (i, i * 7 % 791, i * 3 % 611, i) for i in range(60_000)
    )
    assert inspect(pdf_of_objects(one_page(packed(lines)))).pages == 1


def test_a_picture_that_unpacks_to_more_than_its_size_explains_is_refused(inspect):
    from PIL import Image

    out = io.BytesIO()
    Image.new("1", (15_500, 15_500), 1).save(out, "TIFF", compression="group4")
    with pytest.raises(Reject, match="unpacks too much"):
        inspect(out.getvalue())
