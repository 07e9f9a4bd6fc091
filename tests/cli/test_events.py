"""topics, tail and emit: looking at the bus, subscribing from a shell, publishing by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from lineal import stage
from lineal.dependencies.open_circuits import OpenCircuit, put_open_circuit
from lineal.lineage.ledger import steps_of_subject
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_cli.printing import when
from lineal_cli.reading import reading
from lineal_schemas.envelope import from_json, now_us, parse_time
from tests.cli.conftest import FILES, Lineal, id_of
from tests.conformance.harness import publish, running, until_settled
from tests.conformance.workload import Task
from tests.lineal_process import LinealProcess


def tailed(lineal: Lineal, data: Path, topic: str, *options: str) -> list[dict[str, object]]:
    answer = lineal(
        "tail", topic, "--data", data, "--no-follow", *(options or ("--from", "beginning"))
    )
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.text.splitlines()]


def test_topics_counts_events_and_lag(lineal: Lineal, filled: Path) -> None:
    topics = {topic["topic"]: topic for topic in lineal("topics", "--data", filled, "--json").json}
    arrived = topics["document.arrived"]
    assert arrived["events"] == len(FILES) + 1
    assert arrived["partitions"] == 8
    assert arrived["retention_seconds"] is None
    (group,) = arrived["groups"]
    assert (group["group"], group["lag"]) == ("register", 0)
    assert sum(partition["end"] for partition in group["partitions"]) == len(FILES) + 1
    assert topics["dead.reading"]["events"] == 2


def test_topics_shows_what_waits_for_a_group(lineal: Lineal, data: Path) -> None:
    lineal("emit", "document.arrived", "--data", data, stdin=b'{"a": 1}\n{"a": 2}\n')
    lines = lineal("topics", "--data", data).text.splitlines()
    arrived = next(line for line in lines if line.startswith("document.arrived\t"))
    assert arrived.split("\t")[4:] == ["register", "2", "", ""]


def test_emit_names_the_type_that_a_misspelt_one_resembles(lineal: Lineal, data: Path) -> None:
    misspelt = lineal("emit", "document.arrivd", "--data", data, stdin=b'{"a": 1}')
    assert (misspelt.code, misspelt.text.strip()) == (0, "published 1 event to document.arrivd")
    assert "Did you mean document.arrived?" in misspelt.err
    own = lineal("emit", "parcel.weighed", "--data", data, stdin=b'{"a": 1}')
    assert own.err == ""


def test_topics_shows_what_is_tried_again_later(lineal: Lineal, tmp_path: Path) -> None:
    @stage("charge", version="1", memo=False, retry_delays=["1h"])
    async def charge(task: Task) -> None:
        raise ValueError("no")

    circuit = OpenCircuit("payments", "host:1", ("charge",), 1, now_us() + 1_000_000, "OSError")

    async def fail() -> None:
        async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
            await runtime.store.write(lambda c: put_open_circuit(c, circuit))
            await publish(runtime, *(Task(key="a", number=n) for n in range(2)))
            async with running(runtime, charge):
                await until_settled(runtime, "charge")

    begun = now_us()
    asyncio.run(fail())
    topics = {
        topic["topic"]: topic for topic in lineal("topics", "--data", tmp_path, "--json").json
    }
    (group,) = topics["redrive.charge"]["groups"]
    assert group["delayed"]["events"] == 2
    next_us, last_us = group["delayed"]["next_us"], group["delayed"]["last_us"]
    assert begun + 3_600_000_000 <= next_us <= last_us <= now_us() + 3_600_000_000
    assert topics[Task.type]["groups"][0]["delayed"] is None
    (open_circuit,) = topics[Task.type]["groups"][0]["open_circuits"]
    assert open_circuit["dependency"] == "payments"
    answer = lineal("topics", "--data", tmp_path)
    assert answer.err.startswith("payments does not answer charge since ")
    lines = answer.text.splitlines()
    (line,) = [line for line in lines if line.startswith("redrive.charge\t")]
    assert line.split("\t")[4:7] == ["charge", "0", "2"]
    assert line.split("\t")[7].startswith(when(next_us))


def test_creating_a_topic_twice_is_the_same_as_once(lineal: Lineal, tmp_path: Path) -> None:
    new = tmp_path / "new"
    create = ("topics", "create", "readings", "--partitions", "3", "--data", new, "--json")
    first, second = lineal(*create).json, lineal(*create).json
    assert (first["partitions"], first["created"]) == (3, True)
    assert second == {**first, "created": False}
    kept = lineal("topics", "create", "readings", "--retention", "60", "--data", new, "--json").json
    assert (kept["partitions"], kept["retention_seconds"]) == (3, 60)
    assert lineal("topics", "create", "readings", "--data", new, "--json").json == kept


def test_partitions_of_a_topic_do_not_change_and_that_is_said(
    lineal: Lineal, tmp_path: Path
) -> None:
    lineal("topics", "create", "readings", "--partitions", "3", "--data", tmp_path)
    answer = lineal("topics", "create", "readings", "--partitions", "5", "--data", tmp_path)
    assert answer.code == 0
    assert "keeps its 3 partitions" in answer.err


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "../a", "é"])
def test_a_topic_needs_a_name_every_bus_can_carry(
    lineal: Lineal, tmp_path: Path, name: str
) -> None:
    assert lineal("topics", "create", name, "--data", tmp_path).code == 2
    assert lineal("emit", name, "--data", tmp_path).code == 2


def test_tail_prints_cloudevents_one_a_line(lineal: Lineal, filled: Path) -> None:
    events = tailed(lineal, filled, "document.registered")
    assert {event["data"]["name"] for event in events} == set(FILES)  # type: ignore[index]
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["type"] == "document.registered"


def test_tail_takes_a_key_a_limit_and_a_place(lineal: Lineal, filled: Path) -> None:
    one = tailed(
        lineal, filled, "document.arrived", "--from", "beginning", "--key", id_of("letter.txt")
    )
    assert len(one) == 2
    assert len(tailed(lineal, filled, "document.arrived", "--from", "0", "--limit", "3")) == 3
    assert len(tailed(lineal, filled, "document.arrived", "--from", "1h")) == len(FILES) + 1
    assert tailed(lineal, filled, "document.arrived", "--from", "2999-01-01") == []
    assert tailed(lineal, filled, "document.arrived", "--from", "now") == []
    assert tailed(lineal, filled, "document.arrived", "--from", "1000") == []


def test_tail_of_a_missing_topic_fails_and_a_wrong_place_is_usage(
    lineal: Lineal, filled: Path
) -> None:
    missing = lineal("tail", "nosuch", "--data", filled)
    assert (missing.code, missing.out) == (1, b"")
    assert "lineal topics" in missing.err
    assert lineal("tail", "document.arrived", "--from", "soon", "--data", filled).code == 2


def test_tail_follows_what_another_process_publishes(
    lineal: Lineal, data: Path, environment: dict[str, str]
) -> None:
    with LinealProcess[bytes](
        ["tail", "readings", "--from", "beginning", "--data", str(data)],
        stdout=subprocess.PIPE,
        env=environment,
    ) as following:
        assert following.stdout is not None
        assert following.wait(180) == 1  # the topic does not exist yet
    lineal("topics", "create", "readings", "--data", data)
    with LinealProcess[bytes](
        ["tail", "readings", "--from", "beginning", "--limit", "2", "--data", str(data)],
        stdout=subprocess.PIPE,
        env=environment,
    ) as following:
        assert following.stdout is not None
        lineal("emit", "readings", "--data", data, stdin=b'{"rps": 1}')
        first = json.loads(following.stdout.readline())  # it is there before the second is sent
        lineal("emit", "readings", "--data", data, stdin=b'{"rps": 2}')
        second = json.loads(following.stdout.readline())
        assert [first["data"], second["data"]] == [{"rps": 1}, {"rps": 2}]
        assert following.wait(180) == 0


def test_tail_ends_silently_when_nobody_reads_it_any_more(
    data: Path, environment: dict[str, str]
) -> None:
    with LinealProcess[bytes](
        ["tail", "document.arrived", "--from", "beginning", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert following.stdout.readline().startswith(b'{"specversion"')
        following.stdout.close()  # as `| head -1` does; no further event comes
        assert following.wait(180) == 141
        assert following.stderr.read() == b""


def test_emit_wraps_json_and_says_where_it_went(lineal: Lineal, tmp_path: Path) -> None:
    placed = lineal("emit", "readings", "--data", tmp_path, "--json", stdin=b'{"a": 1}\n{"a": 2}')
    assert placed.code == 0
    events = tailed(lineal, tmp_path, "readings")
    assert [event["data"] for event in events] == [{"a": 1}, {"a": 2}]
    assert [event["id"] for event in events] == [item["id"] for item in placed.json]
    assert {tuple(item) for item in placed.json} == {("id", "topic", "partition", "offset")}
    for event in events:
        assert (event["type"], event["source"]) == ("readings", "lineal:emit")
        assert str(event["traceparent"]).startswith("00-")


def test_emit_publishes_cloudevents_as_they_are(
    lineal: Lineal, filled: Path, tmp_path: Path
) -> None:
    out = lineal("tail", "document.arrived", "--from", "0", "--no-follow", "--data", filled).out
    answer = lineal("emit", "copies", "-", "--data", tmp_path, stdin=out)
    assert answer.code == 0
    copied = lineal("tail", "copies", "--from", "0", "--no-follow", "--data", tmp_path).out
    events = [from_json(line) for line in copied.splitlines()]
    assert all(event.traceparent for event in events)  # which those of the fixture have not
    assert {event._replace(traceparent=None, actor=None) for event in events} == {
        from_json(line) for line in out.splitlines()
    }


def test_emitted_data_of_a_known_type_gets_the_key_and_correlation_id_of_its_document(
    lineal: Lineal, tmp_path: Path
) -> None:
    lineal(
        "emit", "document.indexed", "--as-operator", "--data", tmp_path,
        stdin=b'{"document_id":"d1","pages":2}',
    )  # fmt: skip
    (event,) = tailed(lineal, tmp_path, "document.indexed")
    assert event["partitionkey"] == "d1"
    assert event["correlationid"] == event["subject"] == "document:d1"
    assert event["dataschema"] == "urn:lineal:schema:document.indexed:1"


def test_emit_takes_a_file_over_many_lines(lineal: Lineal, tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps([{"a": 1}, {"a": 2}], indent=2))
    assert lineal("emit", "readings", file, "--data", tmp_path).text == (
        "published 2 events to readings\n"
    )


def test_emit_publishes_what_no_stage_will_understand_and_warns(
    lineal: Lineal, tmp_path: Path
) -> None:
    data = b'{"document_id": 5}\nno json\n'
    answer = lineal("emit", "document.indexed", "--as-operator", "--data", tmp_path, stdin=data)
    assert (answer.code, answer.text) == (0, "published 2 events to document.indexed\n")
    wrong, octets = answer.err.splitlines()
    assert "dead letter" in wrong
    assert "document_id" in wrong
    assert "application/octet-stream" in octets
    assert len(tailed(lineal, tmp_path, "document.indexed")) == 2


def test_emit_sends_what_lineal_makes_itself_only_for_an_operator(
    lineal: Lineal, tmp_path: Path
) -> None:
    data = b'{"document_id": "d1", "pages": 2}'
    for topic in ("document.indexed", "deployment.control", "dead.nlp", "lineal.lineage"):
        refused = lineal("emit", topic, "--data", tmp_path, stdin=data)
        assert refused.code == 1
        assert topic in refused.err
        assert "--as-operator" in refused.err
    disguised = json.dumps(
        {"specversion": "1.0", "id": "1", "source": "s", "type": "document.indexed"}
    ).encode()
    refused = lineal("emit", "mine", "--data", tmp_path, stdin=b'{"a": 1}\n' + disguised)
    assert (refused.code, "item 2: " in refused.err) == (1, True)
    emit = ("emit", "document.indexed", "--as-operator", "--data", tmp_path)
    assert lineal(*emit, stdin=data).code == 0
    (sent,) = tailed(lineal, tmp_path, "document.indexed")
    with reading(tmp_path) as (connection, _):
        (record,) = steps_of_subject(connection, str(sent["correlationid"]))
    assert (record.kind, record.events_out) == ("emit", (sent["id"],))
    assert record.actor.startswith("user:")
    assert lineal("emit", "lineal.lineage", "--as-operator", "--data", tmp_path).code == 1


def test_events_are_emitted_again_under_ids_of_their_own(lineal: Lineal, tmp_path: Path) -> None:
    sent = b'{"specversion": "1.0", "id": "1", "source": "s", "type": "mine"}'
    for option in ((), ("--again", "x"), ("--again", "x"), ("--again", "y")):
        assert lineal("emit", "mine", *option, "--data", tmp_path, stdin=sent).code == 0
    events = tailed(lineal, tmp_path, "mine")
    assert events[0]["id"] == "1"
    assert [event.get("causationid") for event in events] == [None, "1", "1", "1"]
    assert len({event["id"] for event in events}) == 3, "the same token is the same event"


def test_an_event_emitted_without_time_has_that_at_which_it_came(
    lineal: Lineal, tmp_path: Path
) -> None:
    sent = {"specversion": "1.0", "id": "1", "source": "s", "type": "mine"}
    before = now_us()
    lineal("emit", "mine", "--data", tmp_path, stdin=json.dumps(sent).encode())
    (event,) = tailed(lineal, tmp_path, "mine")
    assert before <= parse_time(str(event["time"])) <= now_us()
    assert tailed(lineal, tmp_path, "mine") == [event]


def test_emit_warns_of_an_event_on_the_wrong_topic(lineal: Lineal, filled: Path) -> None:
    one = lineal(
        "tail", "document.arrived", "--from", "0", "--limit", "1", "--no-follow", "--data", filled
    )
    answer = lineal("emit", "document.indexed", "--as-operator", "--check", stdin=one.out)
    assert answer.code == 1
    assert "document.arrived does not belong" in answer.err


def test_emit_check_publishes_all_or_nothing(lineal: Lineal, tmp_path: Path) -> None:
    emit = ("emit", "document.indexed", "--as-operator", "--check", "--data", tmp_path)
    good = b'{"document_id": "d1", "pages": 2}\n'
    refused = lineal(*emit, stdin=good + b'{"document_id": "d2"}\n')
    assert (refused.code, refused.out) == (1, b"")
    assert refused.err.startswith("lineal: nothing was published: item 2: ")
    # The topic may have come into being; no event has.
    topics = lineal("topics", "--data", tmp_path, "--json").json
    assert sum(topic["events"] for topic in topics) == 0
    assert lineal(*emit, stdin=good).code == 0
    assert len(tailed(lineal, tmp_path, "document.indexed")) == 1


def test_emit_keeps_bytes_that_are_no_text(lineal: Lineal, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4
    lineal("emit", "pictures", "--data", tmp_path, stdin=content)
    answer = lineal("tail", "pictures", "--from", "0", "--no-follow", "--data", tmp_path)
    assert from_json(answer.out).data == content
    assert from_json(answer.out).datacontenttype == "application/octet-stream"


def test_large_data_goes_by_reference_and_comes_back_whole(lineal: Lineal, tmp_path: Path) -> None:
    large = {"text": "wind " * 40_000}
    lineal("emit", "essays", "--data", tmp_path, stdin=json.dumps(large).encode())
    assert (tmp_path / "lineal.db").stat().st_size < 4_000_000
    assert list((tmp_path / "objects").glob("[0-9a-f][0-9a-f]/*"))
    (event,) = tailed(lineal, tmp_path, "essays")
    assert event["data"] == large


def test_emitting_nothing_publishes_nothing(lineal: Lineal, tmp_path: Path) -> None:
    assert lineal("emit", "readings", "--data", tmp_path, "--json", stdin=b"").json == []


def test_emit_of_a_missing_file_says_so(lineal: Lineal, tmp_path: Path) -> None:
    answer = lineal("emit", "readings", "nosuch.json", "--data", tmp_path)
    assert (answer.code, answer.err) == (1, "lineal: nosuch.json: No such file or directory\n")


def test_emit_publishes_lines_while_the_pipe_stays_open(
    lineal: Lineal, data: Path, environment: dict[str, str]
) -> None:
    lineal("topics", "create", "readings", "--data", data)
    read_end, write_end = os.pipe()
    with LinealProcess[bytes](
        ["emit", "readings", "--data", str(data)],
        stdin=read_end,
        stdout=subprocess.DEVNULL,
        env=environment,
    ) as emitting:
        os.close(read_end)
        os.write(write_end, b'{"rps": 1}\n')
        seen = lineal("tail", "readings", "--from", "beginning", "--limit", "1", "--data", data)
        assert json.loads(seen.out)["data"] == {"rps": 1}
        assert emitting.poll() is None
        os.close(write_end)
        assert emitting.wait(180) == 0


def test_emit_can_be_interrupted_while_it_waits_for_input(
    lineal: Lineal, data: Path, environment: dict[str, str]
) -> None:
    lineal("topics", "create", "readings", "--data", data)
    read_end, write_end = os.pipe()
    with LinealProcess[bytes](
        ["emit", "readings", "--data", str(data)],
        stdin=read_end,
        stderr=subprocess.PIPE,
        env=environment,
    ) as emitting:
        assert emitting.stderr is not None
        os.close(read_end)
        os.write(write_end, b'{"rps": 1}\n')
        lineal("tail", "readings", "--from", "beginning", "--limit", "1", "--data", data)
        emitting.send_signal(signal.SIGINT)
        assert emitting.wait(180) == 130
        assert emitting.stderr.read() == b""
    os.close(write_end)


def test_retry_lists_what_waits_tries_it_now_and_drops_it(lineal: Lineal, tmp_path: Path) -> None:
    @stage("charge", version="1", memo=False, retry_delays=["1h"])
    async def charge(task: Task) -> None:
        raise ValueError("no")

    async def fail() -> None:
        async with open_runtime(Settings(data=tmp_path, durability="normal")) as runtime:
            await publish(runtime, *(Task(key="a", number=n) for n in range(3)))
            async with running(runtime, charge):
                await until_settled(runtime, "charge")

    asyncio.run(fail())
    listed = lineal("retry", "list", "--data", tmp_path, "--json").json
    assert len(listed) == 3 and {item["stage"] for item in listed} == {"charge"}
    assert all(item["next_us"] > now_us() + 3_000_000_000 for item in listed)
    first, second, third = (item["id"] for item in listed)
    lines = lineal("retry", "list", "--data", tmp_path, "--stage", "charge").text.splitlines()
    assert len(lines) == 4 and "charge" in lines[1]
    assert lineal("retry", "list", "--stage", "other", "--data", tmp_path, "--json").json == []

    tried = lineal("retry", "now", first[:12], "--data", tmp_path)
    assert (tried.code, tried.text) == (0, "1 event to be tried again at once\n")
    due = {item["id"]: item["next_us"] for item in lineal(
        "retry", "list", "--data", tmp_path, "--json").json}  # fmt: skip
    assert due[first] <= now_us() < due[second]
    dropped = lineal("retry", "drop", second, "--data", tmp_path, "--json")
    assert [item["id"] for item in dropped.json] == [second]
    left = lineal("retry", "list", "--data", tmp_path, "--json").json
    assert [item["id"] for item in left] == [first, third]

    assert lineal("retry", "drop", "--data", tmp_path).code == 2, "neither ids, filter nor --all"
    unknown = lineal("retry", "now", second, "--data", tmp_path)
    assert unknown.code == 1 and "lineal retry list" in unknown.err
    assert len(lineal("retry", "drop", "--all", "--data", tmp_path, "--json").json) == 2
