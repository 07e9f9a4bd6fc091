"""Any event there can be, for property-based tests."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from lineal_schemas.envelope import RawEvent

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
RAW_EVENTS = st.builds(
    RawEvent,
    id=WORDS,
    source=WORDS,
    type=WORDS,
    subject=st.none() | WORDS,
    time=TIMES,
    datacontenttype=st.sampled_from(
        ["application/json", "application/x+json; charset=utf-8", "text/plain", "application/pdf"]
    ),
    dataschema=st.none() | WORDS,
    partitionkey=WORDS,
    traceparent=st.none() | WORDS,
    causationid=st.none() | WORDS,
    correlationid=WORDS,
    supersedes=st.none() | WORDS,
    actor=st.none() | WORDS,
    mark=st.none() | WORDS,
    data=st.binary(max_size=40)
    | JSON_VALUES.map(lambda value: json.dumps(value, ensure_ascii=False).encode())
    | st.sampled_from([b"NaN", b'{"a":Infinity}', b"[1", b"\xef\xbb\xbf1", b"{}{}"]),
)
