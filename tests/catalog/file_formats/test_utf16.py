"""UTF-16 without a mark is told by its bytes, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_catalog.file_formats.utf16 import unmarked_utf16

LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=8)
TEXTS = (
    "A letter",
    "Ein Brief über Züge, 12 €",
    "Письмо о поездах и зданиях",
    "這是一份關於列車和建築物的報告。\n共有三十頁。",
    "これは電車についての手紙です。\nよろしくお願いします。",
)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", TEXTS)
def test_the_order_is_told(text: str, order: str) -> None:
    assert unmarked_utf16(text.encode(order)) == order


@given(LATIN, st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_latin_letters_are_told_however_few(text: str, order: str) -> None:
    assert unmarked_utf16(text.encode(order)) == order


@given(st.text(min_size=1))
def test_utf_8_is_not_taken_for_it(text: str) -> None:
    if not text.isascii():
        assert unmarked_utf16(text.encode("utf-8", "surrogatepass")) is None


@given(st.binary(max_size=200).filter(lambda data: 0 not in data))
def test_bytes_without_a_zero_are_not_taken_for_it(data: bytes) -> None:
    assert unmarked_utf16(data) is None


def test_text_with_zeros_in_both_places_is_binary() -> None:
    assert unmarked_utf16(b"\x00\x01\x00\x00\x02\x00\x00\x00" * 50) is None


def test_a_zero_in_a_few_bytes_is_damage() -> None:
    assert unmarked_utf16(b"a,b\n1,x\x00y\n") is None
