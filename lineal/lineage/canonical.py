"""Encodes lineage records as canonical JSON (RFC 8785) and decodes them.

Written in version 2. What can be derived is not written:

- ``out`` lists the types of emitted events, each followed by how many there are in a row if there
  are more than one; their ids follow from the event in, stage, version, type and ordinal;
- ``subject`` is left out where it is the id of the event in, and 0 where it is that of the step
  before; ``trace`` where it is the one that the subject gives;
- ``source`` tells the event in from those of other sources that have its id, where that is no
  UUID; the ids of emitted events follow from it too;
- ``caused`` lists pairs of another subject and the type of an event about it, and is left out where
  all events are about the step's own;
- times (``at``, microseconds) count from the header's ``started``;
- an artifact is ``[sha256, bytes, role, media type]``, from the end on without what is ``event``
  and ``application/json``;
- digests are base64 (RFC 4648, without padding) and a UUID at the end of an id too. Other texts
  begin with a colon.

Records of version 1, which say one step each in full, are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from lineal.lineage.encoded_ids import (
    DecodedDigests,
    DecodedIds,
    decode_digest,
    decode_id,
    encode_digest,
    encode_digests,
    encode_id,
    encode_ids,
)
from lineal.lineage.record import (
    Artifact,
    Build,
    Record,
    RecordedStep,
    StepEntry,
    UsedArtifact,
    subject_trace,
)
from lineal.lineage.record_v1 import parse_version_1

_VERSION = 2
_ROLE, _MEDIA_TYPE = "event", "application/json"


def canonical_bytes(record: Record) -> bytes:
    """The record's bytes: what is kept, digested, and later signed."""
    build = record.build
    fields: dict[str, Any] = {"actor": record.actor}
    if build is not None:
        fields["build"] = {
            "code": encode_digest(build.code),
            "config": encode_digest(build.config),
            "models": [
                [name, version, encode_digest(sha256)] for name, version, sha256 in build.artifacts
            ],
            "stage": build.stage,
            "version": build.version,
        }
    fields["lasted"] = record.finished - record.started
    fields["started"] = record.started
    fields["steps"] = _entries(record.steps, record.started)
    fields["v"] = _VERSION
    fields["worker"] = record.worker
    return orjson.dumps(fields)


def _entries(steps: Sequence[StepEntry], begin: int) -> list[dict[str, Any]]:
    # Called for every step there ever is. Keys are set in their order: nothing has to be sorted.
    ids, digests = encode_ids(steps), encode_digests(steps)
    entries = []
    previous: str | None = None
    for (
        subject, started, worked, waited, kind, outcome, events_in, emitted, events_out, inputs,
        outputs, attempt, error, reason, attributes, fan_in, step, trace, caused, source_mark,
    ) in steps:  # fmt: skip
        entry: dict[str, Any] = {}
        if started != begin:
            entry["at"] = started - begin
        if attempt != 1:
            entry["attempt"] = attempt
        if attributes:
            entry["attributes"] = _sorted(attributes)
        if caused:
            entry["caused"] = caused
        if error is not None:
            entry["error"] = error
        if fan_in:
            entry["gathered"] = 1
        event_in = None
        if events_in:
            event_in = events_in[0]
            if len(events_in) == 1:
                entry["in"] = ids[event_in]
            else:
                entry["in"] = [ids[event_id] for event_id in events_in]
        if kind != "step":
            entry["kind"] = kind
        if outputs:
            entry["made"] = [_short_artifact(item, digests) for item in outputs]
        if emitted:
            entry["out"] = emitted if len(emitted) == 1 else _counted(emitted)
        if events_out:
            entry["out_ids"] = [encode_id(event_id) for event_id in events_out]
        if outcome != "done":
            entry["outcome"] = outcome
        if inputs:
            entry["read"] = [_short_artifact(item, digests) for item in inputs]
        if reason is not None:
            entry["reason"] = reason
        if source_mark is not None:
            entry["source"] = source_mark
        if step is not None:
            entry["step"] = encode_digest(step)
        if subject != event_in:
            entry["subject"] = 0 if subject == previous else ids[subject]
        previous = subject
        if trace is None:
            entry["trace"] = ""
        elif trace != subject_trace(subject):
            entry["trace"] = f":{trace}"
        if waited:
            entry["waited"] = waited
        if worked:
            entry["worked"] = worked
        entries.append(entry)
    return entries


def _sorted(attributes: Mapping[str, int | str]) -> dict[str, int | str]:
    # RFC 8785 sorts by UTF-16 units.
    return {
        name: attributes[name]
        for name in sorted(attributes, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    }


def _counted(emitted: Iterable[str]) -> list[str | int]:
    counted: list[str | int] = []
    last, count = None, 0
    for kind in emitted:
        if kind == last:
            count += 1
            continue
        if count > 1:
            counted.append(count)
        counted.append(kind)
        last, count = kind, 1
    if count > 1:
        counted.append(count)
    return counted


def _uncounted(counted: Sequence[str | int]) -> tuple[str, ...]:
    emitted: list[str] = []
    for item in counted:
        if isinstance(item, str):
            emitted.append(item)
        else:
            emitted += [emitted[-1]] * (item - 1)
    return tuple(emitted)


def _short_artifact(item: Artifact, digests: Mapping[str, str]) -> list[str | int]:
    sha256, media_type, size, role = item
    if media_type != _MEDIA_TYPE:
        return [digests[sha256], size, role, media_type]
    if role != _ROLE:
        return [digests[sha256], size, role]
    return [digests[sha256], size]


def _artifact(
    digests: Mapping[str, str], short: str, size: int, role: str = _ROLE, media: str = _MEDIA_TYPE
) -> Artifact:
    return _new_tuple(Artifact, (digests[short], media, size, role))


def parse_record(canonical: bytes) -> Record:
    """Read a record's canonical bytes.

    Raises:
        ValueError: they are of a later version.
    """
    fields = orjson.loads(canonical)
    return parse_fields(fields)


def parse_build(canonical: bytes) -> Build | None:
    """The build that a record's canonical bytes name; of its steps none is made.

    Raises:
        ValueError: they are of a later version.
    """
    fields = orjson.loads(canonical)
    if fields.get("v", 1) != _VERSION:
        return parse_fields(fields).build
    return _build(fields.get("build"))


def parse_fields(fields: dict[str, Any]) -> Record:
    """The record of parsed canonical bytes.

    Raises:
        ValueError: they are of a later version.
    """
    version = fields.get("v", 1)
    if version == 1:
        return parse_version_1(fields)
    if version != _VERSION:
        raise ValueError(f"a record of version {version}, which a later lineal wrote")
    started = fields["started"]
    return Record(
        _build(fields.get("build")),
        fields["actor"],
        fields["worker"],
        started,
        started + fields["lasted"],
        tuple(_step_entries(list(_with_subjects(fields)), started)),
    )


def subject_entries(canonical: bytes, subject: str) -> Sequence[RecordedStep]:
    """The steps of a record that are about a subject; of the others none is made."""
    fields = orjson.loads(canonical)
    if fields.get("v", 1) != _VERSION:
        return [step for step in parse_fields(fields).recorded() if step.subject == subject]
    wanted = encode_id(subject)
    found = [entry for entry in _with_subjects(fields) if entry[1] == wanted]
    return _recorded(fields, found)


def steps_with_artifact(canonical: bytes, sha256: str, *, made: bool) -> Sequence[RecordedStep]:
    """The steps of a record that made (or read) some bytes; of the others none is made."""
    fields = orjson.loads(canonical)
    if fields.get("v", 1) != _VERSION:
        return [
            step
            for step in parse_fields(fields).recorded()
            if any(item.sha256 == sha256 for item in (step.outputs if made else step.inputs))
        ]
    wanted, name = encode_digest(sha256), "made" if made else "read"
    found = [
        (entry, subject)
        for entry, subject in _with_subjects(fields)
        if any(item[0] == wanted for item in entry.get(name, ()))
    ]
    return _recorded(fields, found)


def events_in_of(canonical: bytes) -> Iterator[tuple[str, str | None]]:
    """All events that the steps of a record handled, in their order: their ids, and what tells them
    from those of other sources."""
    fields = orjson.loads(canonical)
    if fields.get("v", 1) != _VERSION:
        for entry in parse_fields(fields).steps:
            yield from ((event_id, entry.source_mark) for event_id in entry.events_in)
        return
    for entry in fields["steps"]:
        event_in = entry.get("in", ())
        shorts = (event_in,) if isinstance(event_in, str) else event_in
        yield from ((decode_id(short), entry.get("source")) for short in shorts)


def _with_subjects(fields: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Entries with their subjects in the short form."""
    previous = ""
    for entry in fields["steps"]:
        subject = entry.get("subject")
        if subject is None:
            event_in = entry["in"]
            subject = event_in if isinstance(event_in, str) else event_in[0]
        elif subject == 0:
            subject = previous
        previous = subject
        yield entry, subject


def _recorded(
    fields: dict[str, Any], found: Sequence[tuple[dict[str, Any], str]]
) -> Sequence[RecordedStep]:
    if not found:
        return ()
    build, begin = _build(fields.get("build")), fields["started"]
    actor, worker = fields["actor"], fields["worker"]
    return [RecordedStep(build, actor, worker, entry) for entry in _step_entries(found, begin)]


def _build(fields: dict[str, Any] | None) -> Build | None:
    if fields is None:
        return None
    used = [
        UsedArtifact(name, version, decode_digest(sha256))
        for name, version, sha256 in fields["models"]
    ]
    code, config = decode_digest(fields["code"]), decode_digest(fields["config"])
    return Build(fields["stage"], fields["version"], code, config, tuple(used))


def _step_entries(found: Sequence[tuple[dict[str, Any], str]], begin: int) -> Iterator[StepEntry]:
    """The steps of entries with their subjects in the short form."""
    # Called for every step whenever the whole ledger is read: ids and digests are made together,
    # and tuples without the checks of their constructors.
    digests, ids = DecodedDigests(_digests_of(found)), DecodedIds(_ids_of(found))
    for fields, short_subject in found:
        get = fields.get
        event_in = get("in", ())
        subject = ids[short_subject]
        trace, step, emitted, out_ids = get("trace"), get("step"), get("out", ()), get("out_ids")
        read, made, caused = get("read"), get("made"), get("caused")
        yield _new_tuple(
            StepEntry,
            (
                subject,
                begin + get("at", 0),
                get("worked", 0),
                get("waited", 0),
                get("kind", "step"),
                get("outcome", "done"),
                (ids[event_in],) if isinstance(event_in, str) else _each(ids, event_in),
                tuple(emitted) if not emitted or len(emitted) == 1 else _uncounted(emitted),
                _each(ids, out_ids) if out_ids else (),
                _made_artifacts(digests, read) if read else (),
                _made_artifacts(digests, made) if made else (),
                get("attempt", 1),
                get("error"),
                get("reason"),
                get("attributes", _NO_ATTRIBUTES),
                "gathered" in fields,
                None if step is None else decode_digest(step),
                subject_trace(subject) if trace is None else (trace[1:] or None),
                () if caused is None else tuple([(about, kind) for about, kind in caused]),
                get("source"),
            ),
        )


_new_tuple = tuple.__new__
_NO_ATTRIBUTES: Mapping[str, int | str] = MappingProxyType({})


def _each(ids: Mapping[str, str], shorts: Iterable[str]) -> tuple[str, ...]:
    return tuple([ids[short] for short in shorts])


def _made_artifacts(
    digests: Mapping[str, str], items: Sequence[Sequence[Any]]
) -> tuple[Artifact, ...]:
    first = items[0]
    if len(items) == 1 and len(first) == 2:  # the data of one event, as most steps read and make it
        return (_new_tuple(Artifact, (digests[first[0]], _MEDIA_TYPE, first[1], _ROLE)),)
    return tuple(
        [
            _new_tuple(Artifact, (digests[item[0]], _MEDIA_TYPE, item[1], _ROLE))
            if len(item) == 2
            else _artifact(digests, *item)
            for item in items
        ]
    )


def _digests_of(found: Iterable[tuple[dict[str, Any], str]]) -> list[str]:
    shorts = []
    for entry, _ in found:
        if (read := entry.get("read")) is not None:
            shorts += [item[0] for item in read]
        if (made := entry.get("made")) is not None:
            shorts += [item[0] for item in made]
    return shorts


def _ids_of(found: Iterable[tuple[dict[str, Any], str]]) -> set[str]:
    shorts = set()
    for entry, subject in found:
        shorts.add(subject)
        event_in = entry.get("in")
        if isinstance(event_in, str):
            shorts.add(event_in)
        elif event_in is not None:
            shorts.update(event_in)
        if (out_ids := entry.get("out_ids")) is not None:
            shorts.update(out_ids)
    return shorts
