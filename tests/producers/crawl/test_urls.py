"""URLs in one form, and traps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_producers.crawl.requests import AddressRejected, checked_addresses
from lineal_producers.crawl.urls import Traps, normalised


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("HTTP://Example.org:80", "http://example.org/"),
        ("https://example.org:443/a#b", "https://example.org/a"),
        ("https://example.org/?b=2&a=1&utm_source=x&PHPSESSID=3", "https://example.org/?a=1&b=2"),
        ("https://example.org/a;jsessionid=4?x=", "https://example.org/a?x="),
        ("https://bücher.example/ö", "https://xn--bcher-kva.example/%C3%B6"),
        ("https://example.org:8443/%20", "https://example.org:8443/%20"),
        ("mailto:a@example.org", None),
        ("https://user:password@example.org/", None),
        ("http://[broken/", None),
        ("http://example.org:99999/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_addresses_of_the_same_page_are_one(url: str, one: str | None) -> None:
    assert normalised(url) == one


@given(st.text(max_size=60))
def test_any_link_is_read_or_left(link: str) -> None:
    made = normalised(link, "https://example.org/a/b")
    assert made is None or normalised(made) == made


@given(st.lists(st.sampled_from(["a", "b", "c", "day=1"]), min_size=1, max_size=40))
def test_a_path_of_few_words_ends(words: list[str]) -> None:
    held = Traps(10, 3).holds("https://example.org/" + "/".join(words))
    assert held or len(words) <= 8


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0",
     "100.64.0.1", "224.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(AddressRejected):
        checked_addresses(host, 80, private=False)
    assert checked_addresses(host, 80, private=True) == [host]
