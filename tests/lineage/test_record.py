"""A record has one canonical form: the same steps are the same bytes, for ever."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lineal.lineage.canonical import (
    canonical_bytes,
    events_in_of,
    parse_record,
    steps_with_artifact,
    subject_entries,
)
from lineal.lineage.record import (
    MAX_STEPS,
    Artifact,
    Build,
    Record,
    StepEntry,
    UsedArtifact,
    digest,
    merge_records,
    step_id,
    subject_trace,
)
from lineal_schemas.ids import fan_in_id, output_id

BUILD = Build("ocr", "3", "c0de" * 16, "c0f1" * 16, (UsedArtifact("eng", "4.1", "e0" * 32),))
EVENT = "0ab1c2d3-0001-4002-8003-000000000004"
SUBJECT = f"document:{EVENT}"
STEP = StepEntry(
    SUBJECT,
    1_700_000_000_000_001,
    42,
    7,
    events_in=(EVENT,),
    emitted=("page.read", "page.read", "text.ready"),
    inputs=(
        Artifact("11" * 32, "application/json", 3, "event"),
        Artifact("12" * 32, "application/pdf", 9, "content"),
    ),
    outputs=(Artifact("22" * 32, "application/json", 5, "event"),),
    attributes={"pages": 2, "kind": "pdf"},
    trace=subject_trace(SUBJECT),
)
RECORD = Record(
    BUILD, "stage:ocr", "host/7", 1_700_000_000_000_000, 1_700_000_000_000_300,
    (
        STEP,
        STEP._replace(
            started=1_700_000_000_000_100, waited=0, events_in=("foreign",), emitted=(),
            inputs=(), outcome="failed", error="ValueError", attempt=3, events_out=("letter",),
            attributes={}, trace=None,
        ),
    ),
)  # fmt: skip

GOLDEN = (
    '{"actor":"stage:ocr","build":{"code":"wN7A3sDewN7A3sDewN7A3sDewN7A3sDewN7A3sDewN4","config":'
    '"wPHA8cDxwPHA8cDxwPHA8cDxwPHA8cDxwPHA8cDxwPE","models":[["eng","4.1",'
    '"4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4OA"]],"stage":"ocr","version":"3"},"lasted":300,'
    '"started":1700000000000000,"steps":[{"at":1,"attributes":{"kind":"pdf","pages":2},'
    '"in":"CrHC0wABQAKAAwAAAAAABA","made":[["IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI",5]],'
    '"out":["page.read",2,"text.ready"],"read":[["ERERERERERERERERERERERERERERERERERERERERERE",3],'
    '["EhISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhI",9,"content","application/pdf"]],'
    '"subject":"document:CrHC0wABQAKAAwAAAAAABA","waited":7,"worked":42},'
    '{"at":100,"attempt":3,"error":"ValueError","in":":foreign","made":'
    '[["IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI",5]],"out_ids":[":letter"],'
    '"outcome":"failed","subject":0,"trace":"","worked":42}],"v":2,"worker":"host/7"}'
)


def test_the_canonical_form_does_not_change() -> None:
    """If this fails, every record written until now would have another digest."""
    assert canonical_bytes(RECORD).decode() == GOLDEN
    assert digest(canonical_bytes(RECORD)) == digest(GOLDEN.encode())
    assert parse_record(GOLDEN.encode()) == RECORD


def test_other_subjects_of_emitted_events_are_named() -> None:
    caused = (("invoice:77", "invoice.booked"), ("photo:9", "photo.arrived"))
    record = Record(BUILD, "stage:ocr", "w", 1, 2, (STEP._replace(started=1, caused=caused),))
    data = canonical_bytes(record)
    assert b'"caused":[["invoice:77","invoice.booked"],["photo:9","photo.arrived"]],"in"' in data
    assert parse_record(data) == record
    (shown,) = [step.json_fields() for step in record.recorded()]
    assert shown["caused"][0] == {"subject": "invoice:77", "type": "invoice.booked"}


def test_ids_of_outputs_and_of_the_work_are_derived() -> None:
    first, second = RECORD.recorded()
    ids = [output_id(EVENT, "ocr", "3", "page.read", number) for number in (0, 1)]
    assert first.events_out == (*ids, output_id(EVENT, "ocr", "3", "text.ready", 0))
    assert first.step == step_id(BUILD, bytes.fromhex("11" * 32)).hex()
    assert (second.events_out, second.step) == (("letter",), None)


def test_of_fan_in_parts_all_count() -> None:
    parts = ("a", "b")
    read = tuple(Artifact(f"{number:064x}", "application/json", 1, "event") for number in (1, 2))
    entry = StepEntry("s", 1, events_in=parts, emitted=("t",), inputs=read, fan_in=True)
    (step,) = Record(BUILD, "a", "w", 1, 1, (entry,)).recorded()
    assert step.events_out == (output_id(fan_in_id(["a", "b"]), "ocr", "3", "t", 0),)
    assert step.step not in (None, step_id(BUILD, bytes.fromhex(read[0].sha256)).hex())


VERSION_1 = (
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


def test_a_record_of_version_1_is_read_and_shown_as_it_is() -> None:
    (step,) = parse_record(VERSION_1.encode()).recorded()
    assert step.fields() == json.loads(VERSION_1)
    assert subject_entries(VERSION_1.encode(), "document:é") == [step]
    assert steps_with_artifact(VERSION_1.encode(), "22" * 32, made=True) == [step]
    assert list(events_in_of(VERSION_1.encode())) == [("in", None)]


def test_what_a_replay_of_version_1_emitted_again_is_a_step_each() -> None:
    fields = json.loads(VERSION_1) | {
        "kind": "replay", "root": "stage:ocr", "outcome": "memoised",
        "events": {"in": [], "out": []}, "inputs": [], "outputs": [],
        "repeats": [
            {"root": f"document:{name}", "step": f"0{name}" * 32, "in": name, "out": [f"{name}1"]}
            for name in "aba"
        ],
    }  # fmt: skip
    canonical = json.dumps(fields).encode()
    first, second = subject_entries(canonical, "document:a")
    assert first == second
    assert (first.kind, first.outcome, first.step) == ("replay", "memoised", "0a" * 32)
    assert (first.events_in, first.events_out) == (("a",), ("a1",))
    assert first.fields()["repeats"][0]["root"] == "document:a"
    assert [event_id for event_id, _ in events_in_of(canonical)] == ["a", "b", "a"]


texts = st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))
numbers = st.integers(0, 2**53)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
uuids = st.binary(min_size=16, max_size=16).map(lambda raw: str(UUID(bytes=raw)))
ids = (
    uuids
    | texts
    | uuids.map(str.upper)
    | st.builds(str.__add__, texts, uuids)
    | st.text("ab:-", min_size=36, max_size=36)
)
artifacts = st.builds(
    Artifact, digests, texts | st.just("application/json"), numbers, texts | st.just("event")
)
builds = st.builds(
    Build, texts, texts, digests | texts, digests,
    st.lists(st.builds(UsedArtifact, texts, texts, digests), max_size=2).map(tuple),
)  # fmt: skip


def some(strategy: Any, max_size: int = 3) -> Any:
    return st.lists(strategy, max_size=max_size).map(tuple)


steps = st.builds(
    StepEntry,
    subject=ids | st.sampled_from(["a", "b"]),
    started=numbers,
    worked=numbers,
    waited=numbers,
    kind=st.sampled_from(["step", "join", "redrive", "replay"]),
    outcome=st.sampled_from(["done", "memoised", "skipped", "rejected", "failed"]),
    events_in=some(ids | st.sampled_from(["a", "b"])),
    emitted=some(st.sampled_from(["page.read", "x"]), 5),
    events_out=some(ids),
    inputs=some(artifacts),
    outputs=some(artifacts),
    attempt=st.integers(1, 9),
    error=st.none() | texts,
    reason=st.none() | texts,
    attributes=st.dictionaries(texts, numbers | texts, max_size=3),
    fan_in=st.booleans(),
    step=st.none() | digests,
    trace=st.none() | texts.filter(bool),
    caused=some(st.tuples(ids, texts)),
    source_mark=st.none() | digests.map(lambda digest: digest[:16]),
)
records = st.builds(
    Record, st.none() | builds, texts, texts, numbers, numbers, some(steps, 6).filter(bool)
)


@given(record=records)
def test_a_record_is_read_back_as_it_was(record: Record) -> None:
    canonical = canonical_bytes(record)
    assert parse_record(canonical) == record
    assert canonical_bytes(parse_record(canonical)) == canonical


@given(record=records)
def test_single_steps_are_found_without_reading_the_others(record: Record) -> None:
    canonical = canonical_bytes(record)
    steps = list(record.recorded())
    for step in steps:
        assert list(subject_entries(canonical, step.subject)) == [
            other for other in steps if other.subject == step.subject
        ]
        for item in step.outputs:
            assert step in steps_with_artifact(canonical, item.sha256, made=True)
        for item in step.inputs:
            assert step in steps_with_artifact(canonical, item.sha256, made=False)
    handled = [(event_id, step.entry.source_mark) for step in steps for event_id in step.events_in]
    assert list(events_in_of(canonical)) == handled


@given(record=records)
def test_the_bytes_are_canonical_json_without_floats(record: Record) -> None:
    """RFC 8785: keys sorted by UTF-16 units, no space, nothing escaped that need not be."""
    canonical = canonical_bytes(record)

    def refuse(number: str) -> None:
        raise AssertionError(f"a float: {number}")

    fields = json.loads(canonical, parse_float=refuse)
    assert _sorted(fields) == canonical.decode()


def _sorted(value: Any) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_sorted(name)}:{_sorted(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_sorted, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def test_adjacent_records_of_one_worker_and_build_become_one() -> None:
    def alone(number: int, worker: str = "w", build: Build | None = BUILD) -> Record:
        entry = StepEntry(f"s{number}", number, 5)
        return Record(build, "stage:ocr", worker, number, number + 5, (entry,))

    merged = merge_records(
        [alone(3), alone(1), alone(2, "other"), alone(4), alone(5), alone(6, build=None)]
    )
    subjects = [[entry.subject for entry in record.steps] for record in merged]
    assert subjects == [["s3", "s1"], ["s2"], ["s4", "s5"], ["s6"]]
    assert (merged[0].started, merged[0].finished) == (1, 8)
    many = merge_records([alone(number) for number in range(2 * MAX_STEPS + 1)])
    assert [len(record.steps) for record in many] == [MAX_STEPS, MAX_STEPS, 1]
    assert [entry.started for record in many for entry in record.steps] == list(range(129))
    assert merge_records(many) == many
    assert merge_records([]) == []


@given(attributes=st.dictionaries(texts, numbers, min_size=2, max_size=5), data=st.data())
def test_the_order_in_which_attributes_were_set_does_not_matter(
    attributes: dict[str, int], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(attributes.items()))))
    one, other = [
        RECORD._replace(steps=(STEP._replace(attributes=each),)) for each in (attributes, shuffled)
    ]
    assert canonical_bytes(one) == canonical_bytes(other)
