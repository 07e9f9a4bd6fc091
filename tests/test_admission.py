"""One admission for every ingress: who may send what, and what an event that came in has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal import admission
from lineal.admission import AdmissionPolicy, NotAllowed, admit, schema_error
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.errors import PermanentFailure
from lineal.observability.tracing import is_traceparent
from lineal_producers.admission_policies import BRIDGE, EMIT, FILES, HTTP, OPERATOR
from lineal_schemas.catalogue import lineal_payloads
from lineal_schemas.deployments import DeploymentControl
from lineal_schemas.documents import DocumentArrived
from lineal_schemas.envelope import RawEvent, decode, first_event, from_json, now_us, parse_time
from lineal_schemas.payload import Payload, payload_bytes
from tests.schemas.raw_events import RAW_EVENTS

POLICIES = [HTTP, EMIT, OPERATOR, FILES, BRIDGE]
ARRIVED = DocumentArrived(name="a.txt", source="x:a", problem="unreadable")


class Crate(Payload, type="com.example.crate", version=1):
    """A type of a user's own."""

    parcel: str

    def partition_key(self) -> str:
        return self.parcel

    def correlation_key(self) -> str:
        return f"parcel:{self.parcel}"


def foreign(type: str, **attributes: Any) -> RawEvent:
    """What a sender who states the least sends."""
    event = from_json(f'{{"specversion":"1.0","id":"order 1","source":"/s","type":"{type}"}}', 5)
    return event._replace(**attributes)


def test_every_door_but_an_operators_takes_its_types_and_no_other_of_ours() -> None:
    for policy in (HTTP, EMIT, FILES, BRIDGE):
        taken = set()
        for type in {*lineal_payloads(), "dead.nlp", "redrive.nlp", "lineal.lineage"}:
            try:
                admit(foreign(type), policy, payload=ARRIVED)
            except NotAllowed:
                continue
            taken.add(type)
        assert taken == policy.types


def test_a_time_far_ahead_of_the_clock_is_refused_but_to_an_operator() -> None:
    tomorrow, far = now_us() + 23 * 3600 * 10**6, parse_time("9999-12-31T23:59:59Z")
    for policy in (HTTP, EMIT):
        assert admit(foreign("com.example.told", time=tomorrow), policy).time == tomorrow
        with pytest.raises(PermanentFailure, match=r"9999.*a day ahead of the clock"):
            admit(foreign("com.example.told", time=far), policy)
    assert admit(foreign("com.example.told", time=far), OPERATOR).time == far


def test_nobody_forges_the_bookkeeping() -> None:
    for policy in POLICIES:
        for type in ("lineal.lineage", "lineal.dead_letter"):
            with pytest.raises(NotAllowed, match="made by lineal itself"):
                admit(foreign(type), policy)


def test_a_topic_is_guarded_like_the_type_it_is_named_after() -> None:
    for topic in ("document.text_extracted", "redrive.nlp", "dead.nlp", "lineal.lineage"):
        with pytest.raises(NotAllowed):
            admit(foreign("com.example.own"), EMIT, topic)
    admit(foreign("com.example.own"), OPERATOR, "redrive.nlp")


@pytest.mark.parametrize("policy", [FILES, BRIDGE])
def test_some_policies_admit_no_types_of_a_users_own(policy: Any) -> None:
    with pytest.raises(NotAllowed):
        admit(foreign("com.example.own"), policy)


@pytest.mark.parametrize("policy", [HTTP, EMIT])
def test_nobody_outside_speaks_for_a_stage(policy: Any) -> None:
    with pytest.raises(NotAllowed, match="lineal:stage/ocr"):
        admit(foreign("com.example.own", source="lineal:stage/ocr"), policy)


@pytest.mark.parametrize(
    "media_type", [REFERENCE_MEDIA_TYPE, f"{REFERENCE_MEDIA_TYPE.upper()};a=b"]
)
def test_nobody_outside_sends_references(media_type: str) -> None:
    with pytest.raises(PermanentFailure, match="send the data"):
        admit(foreign("com.example.own", datacontenttype=media_type), EMIT)


@pytest.mark.parametrize("type", ["com.example.crate", "com.example.nobody_knows"])
def test_one_event_is_the_same_by_every_door(type: str) -> None:
    event = foreign(type, data=payload_bytes(Crate(parcel="p1")))
    admitted = [admit(event, policy) for policy in (HTTP, EMIT, OPERATOR)]
    assert len(set(admitted)) == 1
    known = type == Crate.type
    (one, *_) = admitted
    assert one.partitionkey == ("p1" if known else "order 1")
    assert one.correlationid == ("parcel:p1" if known else "order 1")
    assert one.subject == ("parcel:p1" if known else None)


def test_what_the_sender_of_a_type_of_their_own_states_stays() -> None:
    event = foreign(
        Crate.type, data=payload_bytes(Crate(parcel="p1")), subject="s", partitionkey="k",
        correlationid="c", dataschema="https://example.org/crate.json",
    )  # fmt: skip
    assert admit(event, HTTP)._replace(traceparent=None) == event


def test_an_arrival_is_about_what_its_data_says() -> None:
    """Else a stranger's document could be put under somebody's."""
    forged = foreign(
        ARRIVED.type, data=payload_bytes(ARRIVED), subject="document:victim",
        correlationid="document:victim", partitionkey="victim",
    )  # fmt: skip
    admitted = admit(forged, HTTP)
    own = first_event(ARRIVED, id="x", source="/s")
    assert (admitted.subject, admitted.correlationid) == (own.subject, own.correlationid)
    assert admitted.partitionkey == own.partitionkey


def test_what_does_not_fit_its_type_is_refused_or_kept_for_the_dead_letters() -> None:
    event = foreign(Crate.type, data=b"{}")
    with pytest.raises(PermanentFailure, match="parcel"):
        admit(event, HTTP)
    kept = admit(event, EMIT)
    assert "parcel" in str(schema_error(Crate.type, kept))


@given(
    RAW_EVENTS.map(
        lambda event: event._replace(
            type="com.example.own", source="/s", time=min(event.time, now_us())
        )
    )
)
def test_what_came_in_has_a_valid_trace_and_all_that_was_stated(event: RawEvent) -> None:
    admitted = admit(event, EMIT, actor="user:ann")
    event = event._replace(actor="user:ann", mark=None)
    assert admitted.traceparent is not None
    assert is_traceparent(admitted.traceparent)
    if event.traceparent is not None and is_traceparent(event.traceparent):
        assert admitted == event
    assert admitted._replace(traceparent=event.traceparent) == event


@pytest.mark.parametrize("field", ["id", "source", "subject", "partitionkey", "correlationid"])
def test_no_attribute_is_longer_than_can_be_shown(field: str) -> None:
    too_long: dict[str, Any] = {field: "x" * 3000}
    event = arrival()._replace(**too_long)
    with pytest.raises(PermanentFailure, match=f"attribute {field}"):
        admit(event, EMIT)


@pytest.mark.parametrize(
    "fields",
    [{"name": "x" * 3000}, {"owner": "x" * 3000}, {"labels": {"k": "v" * 3000}},
     {"labels": {"k" * 3000: "v"}}, {"labels": {str(n): "v" for n in range(200)}}],
)  # fmt: skip
def test_no_name_owner_or_label_is_longer_than_can_be_shown(fields: dict[str, Any]) -> None:
    with pytest.raises(PermanentFailure, match=r"more than \d+ (characters|entries)"):
        admit(arrival(**fields), EMIT)


def test_who_did_it_is_who_sends_it_whatever_the_data_says() -> None:
    control = DeploymentControl(
        rollout_id="r", action="abort", by="alice (administrator)", requested_us=1
    )
    event = first_event(control, id="1", source="/s", actor="user:root")
    admitted = admit(event, OPERATOR, actor="user:bob")
    assert admitted.actor == "user:bob"
    decoded = decode(admitted).data
    assert isinstance(decoded, DeploymentControl)
    assert decoded.by == "user:bob"


def arrival(**fields: Any) -> RawEvent:
    payload = DocumentArrived.model_validate(
        {"name": "a.txt", "source": "/s", "problem": "none", **fields}
    )
    return first_event(payload, id="1", source="/s")


@given(st.sampled_from(POLICIES), RAW_EVENTS)
def test_any_event_is_admitted_or_refused_with_a_reason(policy: Any, event: RawEvent) -> None:
    try:
        admitted = admit(event, policy)
    except PermanentFailure as error:
        assert str(error)
    else:
        assert admitted.id == event.id


def test_a_policy_is_still_found_under_its_old_name() -> None:
    with pytest.warns(DeprecationWarning, match="AdmissionPolicy"):
        assert admission.Door is AdmissionPolicy
