"""A record has one canonical form: the same act is the same bytes, for ever."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lineal.lineage.record import Artifact, Build, Model, Record, Repeat, digest, parse_record

BUILD = Build("ocr", "3", "c0de" * 16, "c0f1" * 16, (Model("eng", "4.1", "e0" * 32),))


def example(**changes: Any) -> Record:
    record = Record(
        kind="step",
        root="document:é",
        build=BUILD,
        started=1_700_000_000_000_001,
        duration=42,
        outcome="done",
        actor="stage:ocr",
        worker="host/7",
        step="ab" * 32,
        inputs=[Artifact("11" * 32, "application/pdf", 3, "content")],
        outputs=[Artifact("22" * 32, "text/plain", 5, "text")],
        events_in=["in"],
        events_out=["out"],
        facts={"pages": 2, "kind": "pdf"},
        trace="0a" * 16,
    )
    for name, value in changes.items():
        setattr(record, name, value)
    return record


GOLDEN = (
    '{"actor":"stage:ocr","attempt":1,"code":"' + "c0de" * 16 + '","config":"' + "c0f1" * 16 + '",'
    '"duration":42,"events":{"in":["in"],"out":["out"]},"facts":{"kind":"pdf","pages":2},'
    '"inputs":[{"bytes":3,"media_type":"application/pdf","role":"content","sha256":"'
    + "11" * 32
    + '"}],"kind":"step","models":[{"name":"eng","sha256":"'
    + "e0" * 32
    + '","version":"4.1"}],"outcome":"done","outputs":[{"bytes":5,"media_type":"text/plain",'
    '"role":"text","sha256":"'
    + "22" * 32
    + '"}],"root":"document:é","stage":"ocr","started":1700000000000001,"step":"'
    + "ab" * 32
    + '","trace":"'
    + "0a" * 16
    + '","version":"3","worker":"host/7"}'
)


def test_the_canonical_form_does_not_change() -> None:
    """If this fails, every record written until now would have another digest."""
    assert example().canonical() == GOLDEN.encode()
    assert digest(example().canonical()) == digest(GOLDEN.encode())


def test_what_is_not_known_is_left_out() -> None:
    fields = json.loads(example(build=None, step=None, facts={}, trace=None).canonical())
    assert fields.keys().isdisjoint(
        {"stage", "models", "step", "facts", "trace", "error", "reason"}
    )


def test_the_canonical_form_of_what_a_replay_emitted_again() -> None:
    record = example(
        kind="replay", root="stage:ocr", outcome="memoised", step=None, inputs=[], outputs=[],
        events_in=[], events_out=[], facts={}, trace=None,
        repeats=[Repeat("document:é", "ab" * 32, "in", ("out", "too"))],
    )  # fmt: skip
    assert (
        b'"outputs":[],"repeats":[{"in":"in","out":["out","too"],"root":"document:\xc3\xa9","step":"'
        + b"ab" * 32
        + b'"}],"root":"stage:ocr","stage":"ocr"'
    ) in record.canonical()


def test_of_a_replay_a_story_has_its_own_events_only() -> None:
    mine = [
        Repeat("document:a", "0a" * 32, "1", ("x", "y")),
        Repeat("document:a", "0b" * 32, "3", ()),
    ]
    record = example(repeats=[mine[0], Repeat("document:b", "0c" * 32, "2", ("z",)), mine[1]])
    about = record.about("document:a")
    assert (about.repeats, about.events_in, about.events_out) == (mine, ["1", "3"], ["x", "y"])
    step = example()
    assert step.about("document:b") is step


texts = st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))
numbers = st.integers(0, 2**62)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
artifacts = st.builds(Artifact, digests, texts, numbers, texts)
builds = st.builds(
    Build, texts, texts, digests, digests,
    st.lists(st.builds(Model, texts, texts, digests), max_size=2).map(tuple),
)  # fmt: skip
repeats = st.builds(Repeat, texts, digests, texts, st.lists(texts, max_size=2).map(tuple))
records = st.builds(
    Record,
    kind=st.sampled_from(["step", "join", "redrive", "replay"]),
    root=texts,
    build=st.none() | builds,
    started=numbers,
    duration=numbers,
    outcome=st.sampled_from(["done", "memoised", "duplicate", "rejected", "failed"]),
    actor=texts,
    worker=texts,
    step=st.none() | digests,
    inputs=st.lists(artifacts, max_size=3),
    outputs=st.lists(artifacts, max_size=3),
    events_in=st.lists(texts, max_size=3),
    events_out=st.lists(texts, max_size=3),
    attempt=st.integers(1, 9),
    error=st.none() | texts,
    reason=st.none() | texts,
    facts=st.dictionaries(texts, numbers | texts, max_size=3),
    trace=st.none() | texts,
    repeats=st.lists(repeats, max_size=3),
)


@given(record=records)
def test_a_record_is_read_back_as_it_was(record: Record) -> None:
    assert parse_record(record.canonical()) == record
    assert parse_record(record.canonical()).canonical() == record.canonical()


@given(record=records)
def test_keys_are_sorted_and_there_is_no_space_and_no_float(record: Record) -> None:
    canonical = record.canonical()

    def refuse(number: str) -> None:
        raise AssertionError(f"a float: {number}")

    fields = json.loads(canonical, parse_float=refuse)
    again = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(again) == fields
    _assert_sorted(json.loads(canonical, object_pairs_hook=list))
    assert len(canonical) == len(again.encode())


def _assert_sorted(value: Any) -> None:
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        names = [name.encode() for name, _ in value]
        assert names == sorted(names)
        for _, inner in value:
            _assert_sorted(inner)
    elif isinstance(value, list):
        for inner in value:
            _assert_sorted(inner)


@given(facts=st.dictionaries(texts, numbers, min_size=2, max_size=5), data=st.data())
def test_the_order_in_which_facts_were_noted_does_not_matter(
    facts: dict[str, int], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(facts.items()))))
    assert example(facts=facts).canonical() == example(facts=shuffled).canonical()
