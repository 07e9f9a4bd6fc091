"""PDFs: page by page by text layer or recognition, and a clear word on those that are broken."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Literal

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_schemas.documents import PageRange
from tests.long import examples

SCANS = Path(__file__).parents[3].parent / "shared" / "data" / "scans"
NONSENSE = "~ ;. | i l! ', _ . :- l1 |' ` .; ,, ^ i ; ~. | ! .. : l' - _ , " * 8


def methods(plan: tuple[PageRange, ...]) -> list[tuple[int, int, str]]:
    return [(part.first, part.last, part.method) for part in plan]


def test_a_page_of_prose_is_read_by_its_text_layer(inspect, pdf_of_pages, show_text):
    found = inspect(pdf_of_pages([show_text()]), "letter.pdf")
    assert (found.kind, found.media_type, found.pages) == ("pdf", "application/pdf", 1)
    assert methods(found.plan) == [(1, 1, "text-layer")]


def test_a_scan_without_text_is_recognised(inspect, pdf_of_pages, scan):
    assert methods(inspect(pdf_of_pages([scan])).plan) == [(1, 1, "ocr")]


def test_mixed_pages_are_decided_one_by_one(inspect, pdf_of_pages, show_text, scan):
    text = show_text()
    found = inspect(pdf_of_pages([text, text, scan, scan, text]))
    assert methods(found.plan) == [
        (1, 2, "text-layer"),
        (3, 3, "ocr"),
        (4, 4, "ocr"),
        (5, 5, "text-layer"),
    ]


def test_a_stamp_on_a_scan_is_not_its_text(inspect, pdf_of_pages, show_text, scan):
    page = scan + show_text("RECEIVED 2024-03-01 Page 1 of 3")
    assert methods(inspect(pdf_of_pages([page])).plan) == [(1, 1, "ocr")]


def test_a_short_page_without_images_is_read_by_its_text_layer(inspect, pdf_of_pages, show_text):
    assert methods(inspect(pdf_of_pages([show_text("Appendix A")])).plan) == [(1, 1, "text-layer")]


def test_a_layer_over_a_scan_is_kept_when_it_reads_like_language_and_the_scan_is_looked_at(
    inspect, pdf_of_pages, show_text, scan
):
    [part] = inspect(pdf_of_pages([scan + show_text(mode=3)])).plan
    assert (part.method, part.text_layer) == ("ocr", "keep")


def test_a_short_layer_that_reads_like_no_language_is_compared_with_what_is_drawn(
    inspect, pdf_of_pages, show_text
):
    [part] = inspect(pdf_of_pages([show_text("1RUWKJDWH DUERXU 6XSSOLHV")])).plan
    assert (part.method, part.text_layer) == ("ocr", "compare")


def test_zeros_and_markup_behind_the_end_of_a_pdf_are_not_its_end(inspect, pdf_of_pages, show_text):
    page = pdf_of_pages([show_text()])
    for rest in (b"\0" * 200_000, b"\n<script>var a = { obj: 1 };</script>"):
        assert inspect(page + rest).pages == 1


def test_a_trailer_without_a_pointer_to_the_table_is_an_end(inspect, pdf_of_pages, show_text):
    page = pdf_of_pages([show_text()])
    assert inspect(page[: page.rindex(b"startxref")]).pages == 1
    with pikepdf.open(io.BytesIO(page)) as pdf:
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    packed = out.getvalue()
    assert inspect(packed[: packed.rindex(b"startxref")]).pages == 1


def test_forms_that_draw_each_other_many_times_are_refused_before_they_are_drawn(
    inspect, pdf_of_objects
):
    depth = 12
    forms = [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A %d 0 R>>>>/Length 50>>"
        b"stream\n%b\nendstream" % (6 + level, b"/A Do " * 8 + b"  ")
        for level in range(depth)
    ]
    forms.append(
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 9>>stream\n0 0 1 1 f\nendstream"
    )
    data = pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
            b"/Resources<</XObject<</A 5 0 R>>>>>>",
            b"<</Length 5>>stream\n/A Do\nendstream",
            *forms,
        ]
    )
    with pytest.raises(Reject, match="operators"):
        inspect(data)


def test_a_form_that_draws_itself_and_one_that_is_used_a_little_are_read(inspect, pdf_of_objects):
    itself = (
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>/Length 5>>"
        b"stream\n/A Do\nendstream"
    )
    data = pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
            b"/Resources<</XObject<</A 5 0 R>>>>>>",
            b"<</Length 11>>stream\n/A Do /A Do\nendstream",
            itself,
        ]
    )
    assert inspect(data).pages == 1


def test_an_invisible_layer_of_nonsense_over_a_scan_is_not_used(
    inspect, pdf_of_pages, show_text, scan
):
    page = scan + show_text(NONSENSE, mode=3)
    assert methods(inspect(pdf_of_pages([page])).plan) == [(1, 1, "ocr")]


def test_letters_that_are_shifted_by_their_font_are_recognised(inspect, pdf_of_pages, show_text):
    prose = "the committee met on tuesday to discuss the annual report and agreed on the figures "
    shifted = "".join(chr(ord(c) - 29) if c.islower() else c for c in prose * 4)
    assert methods(inspect(pdf_of_pages([show_text(shifted)])).plan) == [(1, 1, "ocr")]


def test_a_blank_page_needs_no_recognition(inspect, pdf_of_pages):
    ruled = b"1 w 50 50 m 550 50 l S\n"
    assert methods(inspect(pdf_of_pages([b"", ruled])).plan) == [(1, 2, "text-layer")]


def test_letters_drawn_as_curves_are_recognised(inspect, pdf_of_pages):
    outline = b"0 0 m 5 9 9 5 9 9 c 7 7 l 3 3 1 1 0 0 c f\n" * 100
    assert methods(inspect(pdf_of_pages([outline])).plan) == [(1, 1, "ocr")]


def test_an_image_inside_a_form_is_seen(inspect, pdf_of_pages, scan):
    with pikepdf.open(io.BytesIO(pdf_of_pages([scan]))) as document:
        page = document.pages[0]
        form = document.make_stream(
            b"q 1 0 0 1 0 0 cm /Im1 Do Q",
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=[0, 0, 1, 1],
            Matrix=[612, 0, 0, 792, 0, 0],
            Resources=page.Resources,
        )
        page.Resources.XObject["/Fm1"] = form
        page.Contents = document.make_stream(b"/Fm1 Do")
        data = io.BytesIO()
        document.save(data)
    assert methods(inspect(data.getvalue()).plan) == [(1, 1, "ocr")]


def test_two_thousand_pages_are_cut_into_even_parts(inspect, pdf_of_pages, show_text):
    found = inspect(pdf_of_pages([show_text()] * 2000))
    assert found.pages == 2000
    assert {part.last - part.first + 1 for part in found.plan} == {40}
    assert methods(found.plan)[-1] == (1961, 2000, "text-layer")


def test_a_damaged_cross_reference_table_is_no_problem(inspect, pdf_of_pages, show_text):
    data = pdf_of_pages([show_text()])
    start = data.rindex(b"startxref")
    assert inspect(data[:start] + b"startxref\n7\n%%EOF\n").pages == 1


def test_junk_before_the_header_is_no_problem(inspect, pdf_of_pages, show_text):
    page = pdf_of_pages([show_text()])
    for junk in (b"\r\njunk\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n"):
        assert inspect(junk + page).kind == "pdf"


@pytest.mark.parametrize("revision", [4, 5, 6])
def test_a_pdf_that_asks_for_no_password_is_read(inspect, pdf_of_pages, show_text, revision):
    data = _encrypted(pdf_of_pages([show_text()]), user="", revision=revision)
    assert inspect(data).plan[0].method == "text-layer"


def test_a_pdf_whose_attachments_alone_are_encrypted_is_read(inspect, pdf_of_pages, show_text):
    found = inspect(_with_encrypted_attachments(pdf_of_pages([show_text()])))
    assert (found.kind, found.plan[0].method) == ("pdf", "text-layer")


def test_encrypted_attachments_do_not_hide_what_a_pdf_draws(inspect, pdf_of_pages):
    data = pdf_of_pages([b"0 0 m 9 9 l S\n" * 90_000])
    with pytest.raises(Reject, match="draws too much"):
        inspect(_with_encrypted_attachments(data), pdf_operators=50_000)


def test_one_page_that_cannot_be_loaded_does_not_cost_the_others(inspect, pdf_of_pages, show_text):
    data = pdf_of_pages([show_text()] * 3).replace(b"[5 0 R 7 0 R", b"[5 0 R 3 0 R")
    assert inspect(data).pages == 3


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.98])
def test_a_cut_off_pdf_is_rejected(inspect, pdf_of_pages, show_text, keep):
    data = pdf_of_pages([show_text()] * 20)
    with pytest.raises(Reject, match="cut off"):
        inspect(data[: int(len(data) * keep)])


def test_an_update_that_is_cut_off_is_rejected(inspect, pdf_of_pages, show_text):
    data = pdf_of_pages([show_text()])
    with pytest.raises(Reject, match="cut off"):
        inspect(data + b"5 0 obj\n<</Type/Page/Parent 2 0 R>>\nendobj\n6 0 obj\n<</Len")


@pytest.mark.parametrize("revision", [4, 5, 6])
def test_an_encrypted_pdf_is_rejected(inspect, pdf_of_pages, show_text, revision):
    with pytest.raises(Reject, match="only be opened with its password"):
        inspect(_encrypted(pdf_of_pages([show_text()]), user="secret", revision=revision))


@pytest.mark.parametrize(
    ("user", "stated", "other"),
    [
        ("", b"/Standard", b"/Licensed"),  # a handler that someone sells
        ("secret", b"/R 6", b"/R 7"),  # ISO/TS 32003
        ("", b"/Perms", b"/Parms"),
        ("", b"/P -1028", b"/P -1280"),  # permits something else than was encrypted
    ],
)
def test_a_pdf_that_is_encrypted_otherwise_is_not_called_damaged(
    inspect, pdf_of_pages, show_text, user, stated, other
):
    data = _encrypted(pdf_of_pages([show_text()]), user=user, revision=6)
    assert stated in data
    with pytest.raises(Reject, match="encrypted in a way that cannot be opened"):
        inspect(data.replace(stated, other))


def test_a_pdf_for_holders_of_a_certificate_is_rejected_as_encrypted(
    inspect, pdf_of_pages, show_text
):
    to_whom = (
        b"/Encrypt<</Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 5/Length 256"
        b"/CF<</C<</CFM/AESV3/Recipients[(a)]>>>>/StmF/C/StrF/C>>/ID[<5a><5a>]"
    )
    data = pdf_of_pages([show_text()])
    with pytest.raises(Reject, match="encrypted in a way that cannot be opened"):
        inspect(data.replace(b"trailer\n<<", b"trailer\n<<" + to_whom))


def test_a_pdf_without_pages_is_rejected(inspect, pdf_of_objects):
    catalog = b"<</Type/Catalog/Pages 2 0 R>>"
    with pytest.raises(Reject, match="no pages"):
        inspect(pdf_of_objects([catalog, b"<</Type/Pages/Kids[]/Count 0>>"]))


@pytest.mark.parametrize(
    "tree",
    [
        [b"<</Type/Pages/Kids[2 0 R]/Count 1>>"],
        [b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 5>>"],
        [
            b"<</Type/Pages/Kids[4 0 R]/Count 3>>",
            b"<</Type/Page/Parent 4 0 R/MediaBox[0 0 9 9]>>",
            b"<</Type/Pages/Parent 2 0 R/Kids[3 0 R 2 0 R]/Count 3>>",
        ],
    ],
    ids=["itself", "page-and-itself", "through-a-child"],
)
def test_a_page_tree_that_contains_itself_is_rejected(inspect, pdf_of_objects, tree):
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    tree = tree if len(tree) > 1 else [*tree, leaf]
    with pytest.raises(Reject, match="contains itself"):
        inspect(pdf_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", *tree]))


def test_too_many_pages_are_rejected(inspect, pdf_of_pages):
    with pytest.raises(Reject, match="3 pages"):
        inspect(pdf_of_pages([b""] * 3), pdf_pages=2)


def test_a_header_alone_is_rejected(inspect):
    with pytest.raises(Reject):
        inspect(b"%PDF-1.7\n%%EOF\n", "invalid.pdf")


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    at=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=40),
    cut=st.booleans(),
)
def test_damage_anywhere_is_survived_or_rejected(tmp_path, pdf_of_pages, show_text, at, junk, cut):
    data = pdf_of_pages([show_text(), b""])
    start = int(at * len(data))
    path = tmp_path / "damaged"
    path.write_bytes(data[:start] + junk + (b"" if cut else data[start + len(junk) :]))
    try:
        found = inspect_file(path, "damaged.pdf", ClassifyConfig())
    except Reject as why:
        assert str(why)
    else:
        assert found.plan[-1].last == found.pages


def test_real_scans_are_recognised_and_real_text_is_not():
    if not SCANS.is_dir():
        pytest.skip("the real scans are not on this machine")
    expected = {
        "linn.pdf": ["ocr"],
        "jbig2.pdf": ["ocr"],
        "ccitt.pdf": ["ocr"],
        "cardinal.pdf": ["ocr"] * 4,
        "hugemono.pdf": ["ocr"],
        "francais.pdf": ["ocr"],
        "tagged.pdf": ["text-layer"],
        "no_contents.pdf": ["text-layer"],
    }
    for name, plan in expected.items():
        found = inspect_file(SCANS / name, name, ClassifyConfig())
        assert [part.method for part in found.plan] == plan, name
    with pytest.raises(Reject):
        inspect_file(SCANS / "invalid.pdf", "invalid.pdf", ClassifyConfig())


def _with_encrypted_attachments(data: bytes) -> bytes:
    """The trailer of a file of which nothing but its attachments asks for a password."""
    keys = b"".join(
        b"/%b<%b>" % (name, (b"5a" * length))
        for name, length in ((b"O", 48), (b"U", 48), (b"OE", 32), (b"UE", 32), (b"Perms", 16))
    )
    encrypt = (
        b"/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -4" + keys
        + b"/CF<</StdCF<</AuthEvent/EFOpen/CFM/AESV3/Length 32>>>>"
        b"/StmF/Identity/StrF/Identity/EFF/StdCF>>/ID[<5a><5a>]"
    )  # fmt: skip
    return data.replace(b"trailer\n<<", b"trailer\n<<" + encrypt)


def _encrypted(data: bytes, user: str, revision: Literal[4, 5, 6]) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), pikepdf.open(io.BytesIO(data)) as document:
        warnings.simplefilter("ignore")  # revision 5 is a draft that is not to be used any more
        how = pikepdf.Encryption(owner="owner", user=user, R=revision)
        document.save(out, encryption=how)
    return out.getvalue()
