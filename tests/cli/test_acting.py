"""replay, dead, rebuild and stages: acting on what is there."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from lineal.lineage.actor import acting_user
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_schemas.envelope import first_event, from_json
from lineal_schemas.failures import DeadLetter
from tests.cli.conftest import FILES, Answer, Lineal, id_of, install_reading_stage

NOTHING = {"done": 0, "memoised": 0, "rejected": 0, "failed": 0, "erased": 0}
QUICK = {"LINEAL_RETRY__ATTEMPTS": "1", "LINEAL_DURABILITY": "normal"}


def replayed(lineal: Lineal, data: Path, *arguments: str, **variables: str) -> Answer:
    return lineal("replay", *arguments, "--data", data, "--json", **QUICK, **variables)


def test_stages_lists_what_is_installed(lineal: Lineal) -> None:
    stages = {stage["name"]: stage for stage in lineal("stages", "--json").json}
    reading = stages["reading"]
    assert (reading["version"], reading["consumes"]) == ("1", "document.registered")
    assert reading["produces"] == ["document.analyzed"]
    assert len(reading["code"]) == 64
    assert {"register", "index"} <= set(stages)


def test_replay_handles_again_and_skips_what_is_remembered(
    process: Lineal, lineal: Lineal, data: Path
) -> None:
    before = lineal("topics", "--data", data, "--json").json
    answer = replayed(process, data, "--stage", "reading")
    assert answer.json == {
        "stages": [
            {
                "stage": "reading",
                "events": 4,
                "done": 0,
                "memoised": 2,
                "rejected": 1,
                "failed": 1,
                "erased": 0,
            }
        ],
        "dry_run": False,
    }
    assert answer.code == 1  # one failed again
    after = lineal("topics", "--data", data, "--json").json

    def positions(topics: object) -> object:
        return [
            [
                partition["position"]
                for group in topic["groups"]
                for partition in group["partitions"]
            ]
            for topic in topics  # type: ignore[attr-defined]
        ]

    assert positions(after) == positions(before)  # the live groups are where they were
    kinds = [r["kind"] for r in lineal("lineage", "note.txt", "--data", data, "--json").json]
    assert len(kinds) == 4


def test_a_dry_run_only_counts(lineal: Lineal, data: Path) -> None:
    answer = replayed(lineal, data, "document.registered", "--stage", "reading", "--dry-run")
    assert (answer.code, answer.json) == (
        0,
        {"stages": [{"stage": "reading", "events": 4, **NOTHING}], "dry_run": True},
    )
    assert len(lineal("lineage", "note.txt", "--data", data, "--json").json) == 3


def test_a_topic_alone_means_all_stages_that_read_it(lineal: Lineal, data: Path) -> None:
    answer = replayed(lineal, data, "document.registered", "--dry-run")
    stages = {row["stage"]: row["events"] for row in answer.json["stages"]}
    assert stages["reading"] == stages["classify"] == 4


def test_stale_is_what_an_older_version_made(
    process: Lineal, lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    assert replayed(process, data, "--stage", "reading", "--stale").json["stages"] == [
        {"stage": "reading", "events": 0, **NOTHING}
    ]
    newer = tmp_path / "newer"
    install_reading_stage(newer, version="2")
    first = replayed(process, data, "--stage", "reading", "--stale", PYTHONPATH=str(newer))
    assert first.json["stages"] == [
        {
            "stage": "reading",
            "events": 4,
            "done": 2,
            "memoised": 0,
            "rejected": 1,
            "failed": 1,
            "erased": 0,
        }
    ]
    again = replayed(process, data, "--stage", "reading", "--stale", PYTHONPATH=str(newer))
    assert again.json["stages"][0]["events"] == 0
    shown = lineal("show", "note.txt", "--as", "json", "--data", data).json
    assert shown["engines"] == [
        {"name": "reading", "version": "2", "language": None, "parameters": {}}
    ]


def test_replay_takes_a_key_and_a_time(lineal: Lineal, data: Path) -> None:
    key = id_of("note.txt")
    (one,) = replayed(lineal, data, "--stage", "reading", "--key", key).json["stages"]
    assert (one["events"], one["memoised"]) == (1, 1)
    dry = ("--stage", "reading", "--dry-run")
    assert replayed(lineal, data, *dry, "--to", "2020-01-01").json["stages"][0]["events"] == 0
    assert replayed(lineal, data, *dry, "--from", "1h").json["stages"][0]["events"] == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--stage", "reading", "--from", "now"], 2),
        (["--stage", "reading", "--to", "beginning"], 2),
        (["--stage", "nosuch"], 1),
        (["nosuch.topic"], 1),
        (["document.arrived", "--stage", "reading"], 1),
    ],
)
def test_replay_of_nothing_that_exists_says_so(
    lineal: Lineal, data: Path, arguments: list[str], code: int
) -> None:
    answer = lineal("replay", *arguments, "--data", data)
    assert (answer.code, answer.out) == (code, b"")
    assert answer.err


def letters(lineal: Lineal, data: Path, *filters: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = lineal(
        "dead", "list", "--data", data, "--json", *filters
    ).json
    return listed


def test_dead_list_says_what_failed_and_why(lineal: Lineal, filled: Path) -> None:
    by_error = {letter["error"]: letter for letter in letters(lineal, filled)}
    assert set(by_error) == {"Reject", "ValueError"}
    broken = by_error["ValueError"]
    assert broken["group"] == "reading"
    assert broken["topic"] == "document.registered"
    assert broken["key"] == id_of("broken.txt")
    assert (broken["message"], broken["attempts"]) == ("no reader for this", 1)


@pytest.mark.parametrize(
    ("filters", "errors"),
    [
        (["--group", "reading"], {"Reject", "ValueError"}),
        (["--group", "index"], set()),
        (["--group", "nosuch"], set()),
        (["--error", "ValueError"], {"ValueError"}),
        (["--key", id_of("refused.txt")], {"Reject"}),
        (["--key", f"document:{id_of('refused.txt')}", "--error", "ValueError"], set()),
    ],
)
def test_dead_list_is_filtered(
    lineal: Lineal, filled: Path, filters: list[str], errors: set[str]
) -> None:
    assert {letter["error"] for letter in letters(lineal, filled, *filters)} == errors


def test_dead_show_has_the_whole_event_and_the_traceback(lineal: Lineal, filled: Path) -> None:
    (letter,) = letters(lineal, filled, "--error", "ValueError")
    shown = lineal("dead", "show", str(letter["id"])[:12], "--data", filled, "--json").json
    assert shown["event"]["data"]["name"] == "broken.txt"
    assert "ValueError: no reader for this" in shown["traceback"]
    for_people = lineal("dead", "show", str(letter["id"]), "--data", filled)
    assert "no reader for this" in for_people.text


def test_json_of_others_is_shown_as_json(lineal: Lineal, data: Path) -> None:
    """A letter keeps an event to the byte; whoever looks at it wants to read it."""
    event = from_json('{"specversion":"1.0","id":"o1","source":"/s","type":"orders"}', 5)
    event = event._replace(
        data=b'{"total": 1.50}', datacontenttype="application/vnd.example+json; charset=utf-8"
    )
    letter = DeadLetter(
        group="billing", topic="orders", partition=0, offset=0, key="o1", correlation_id="o1",
        event=event.to_json(exact=True).decode(), error_class="Reject", message="no", attempts=1,
    )  # fmt: skip

    async def put_aside() -> None:
        async with open_runtime(Settings(data=data, durability="normal")) as runtime:
            dead = first_event(letter, id="letter-1", source="lineal:group/billing")
            await runtime.bus.publish([("dead.billing", dead)])

    asyncio.run(put_aside())
    shown = lineal("dead", "show", "letter-1", "--data", data, "--json").json
    assert shown["event"]["data"] == {"total": 1.5}
    assert '"total": 1.5' in lineal("dead", "show", "letter-1", "--data", data).text


def test_redriven_letters_go_to_their_group_and_leave_a_record(lineal: Lineal, data: Path) -> None:
    done = lineal("dead", "redrive", "--error", "ValueError", "--data", data, "--json")
    assert (done.code, [letter["error"] for letter in done.json]) == (0, ["ValueError"])
    assert [letter["error"] for letter in letters(lineal, data)] == ["Reject"]
    topics = {topic["topic"]: topic for topic in lineal("topics", "--data", data, "--json").json}
    assert topics["redrive.reading"]["events"] == 1
    records = lineal("lineage", "broken.txt", "--data", data, "--json").json
    assert records[-1]["kind"] == "redrive"


def test_dropped_letters_are_gone_and_leave_a_record(lineal: Lineal, data: Path) -> None:
    (letter,) = letters(lineal, data, "--error", "Reject")
    answer = lineal("dead", "drop", str(letter["id"]), "--reason", "sent twice", "--data", data)
    assert (answer.code, answer.text) == (0, "dropped 1 dead letter\n")
    assert [letter["error"] for letter in letters(lineal, data)] == ["ValueError"]
    record = lineal("lineage", "refused.txt", "--data", data, "--json").json[-1]
    assert (record["kind"], record["reason"]) == ("drop", "sent twice")


@pytest.mark.parametrize("act", ["redrive", "drop"])
def test_all_letters_are_only_meant_when_that_is_said(lineal: Lineal, data: Path, act: str) -> None:
    assert lineal("dead", act, "--data", data).code == 2
    assert len(letters(lineal, data)) == 2
    assert len(lineal("dead", act, "--all", "--data", data, "--json").json) == 2
    assert letters(lineal, data) == []


def test_an_id_that_names_no_letter_or_several_decides_nothing(lineal: Lineal, data: Path) -> None:
    first, second = letters(lineal, data)
    unknown = lineal("dead", "drop", str(first["id"]), "nosuch", "--data", data)
    assert (unknown.code, unknown.out) == (1, b"")
    assert lineal("dead", "drop", "", "--data", data).code == 1
    assert letters(lineal, data) == [first, second]


def test_what_was_emitted_on_a_dead_letter_topic_by_hand_does_no_harm(
    lineal: Lineal, data: Path
) -> None:
    lineal("emit", "dead.reading", "--as-operator", "--data", data, stdin=b'{"a": 1}\nno json\n')
    assert len(letters(lineal, data)) == 2


def test_rebuild_makes_deleted_tables_again(lineal: Lineal, data: Path) -> None:
    asked = [
        ("documents", "--json"),
        ("show", "letter.txt", "--json"),
        ("search", "about", "--filter", "owner=ada", "--json"),
    ]
    lineal("dead", "drop", "--error", "Reject", "--data", data)
    before = [lineal(*question, "--data", data).json for question in asked]
    dead_before = letters(lineal, data)
    with sqlite3.connect(data / "lineal.db") as connection:
        for table in ("registry", "arrivals", "ownership", "labels", "operations"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM dead_letter_outcomes")
    connection.close()
    broken = lineal("documents", "--data", data)
    assert broken.code == 1
    assert "lineal rebuild" in broken.err
    answer = lineal("rebuild", "--data", data, "--json")
    assert answer.code == 0
    assert answer.json["records"] == 12  # 5 arrivals, 4 read, 2 indexed, 1 dropped
    assert answer.json["rows"]["registry"] == len(FILES)
    assert [lineal(*question, "--data", data).json for question in asked] == before
    assert letters(lineal, data) == dead_before


def test_rebuild_twice_changes_nothing(lineal: Lineal, data: Path) -> None:
    assert lineal("rebuild", "--data", data).text == lineal("rebuild", "--data", data).text


def test_replay_runs_beside_a_copy_of_the_folder_elsewhere(
    process: Lineal, data: Path, tmp_path: Path
) -> None:
    # A data folder holds no absolute paths: it can be moved.
    moved = tmp_path / "moved"
    shutil.move(data, moved)
    assert replayed(process, moved, "--stage", "index").json["stages"][0]["done"] == 2


def test_an_account_that_the_store_knows_acts_in_its_role_alone(
    lineal: Lineal, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "one.json").write_text("{}")
    account = acting_user().removeprefix("user:")
    added = lineal("user", "add", account, "reader", "--no-password", "--data", data)
    assert added.code == 0, added.err
    before = letters(lineal, data)
    assert before
    for arguments, act in (
        (("erase", "letter.txt", "--reason", "a test", "--yes"), "erase"),
        (("redact", "letter.txt", "--word", "turbine", "--reason", "a test"), "redact"),
        (("dead", "redrive", "--all"), "redrive"),
        (("dead", "drop", "--all"), "redrive"),
        (("replay", "--stage", "reading"), "replay"),
        (("photo", "verify", "any", "defect"), "review"),
        (("label", "letter.txt", "letter"), "review"),
        (("put", str(tmp_path / "one.txt")), "upload"),
        (("emit", "weather.told", str(tmp_path / "one.json")), "publish"),
        (("emit", "weather.told", str(tmp_path / "one.json"), "--as-operator"), "manage"),
        (("model", "train", "documents"), "promote"),
        (("sweep", "start", "documents", "--set", "leaves=4,7"), "promote"),
        (("sweep", "stop", "any"), "promote"),
    ):
        done = lineal(*arguments, "--data", data)
        assert done.code == 1, arguments
        assert f"may not {act}" in done.err, done.err
    assert letters(lineal, data) == before
    assert lineal("user", "role", account, "uploader", "--data", data).code == 0
    (tmp_path / "arrived.json").write_text('{"name": "a", "source": "s", "owner": "ben"}')
    for arguments, reason in (
        (("put", str(tmp_path / "one.txt"), "--owner", "ben"), "under the name 'ben'"),
        (("emit", "document.arrived", str(tmp_path / "arrived.json")), "under the name 'ben'"),
        (("emit", "model.promoted", str(tmp_path / "one.json")), "lineal model"),
    ):
        done = lineal(*arguments, "--data", data)
        assert done.code == 1, arguments
        assert reason in done.err, done.err
    assert letters(lineal, data) == before


def test_classes_are_listed_after_an_example_of_one_was_erased(lineal: Lineal, data: Path) -> None:
    for name, label in (("letter.txt", "letter"), ("note.txt", "note")):
        assert lineal("class", "teach", label, id_of(name), "--data", data).code == 0
    erased = lineal("erase", id_of("letter.txt"), "--reason", "asked", "--yes", "--data", data)
    assert erased.code == 0, erased.err
    listed = lineal("class", "list", "--data", data, "--json")
    assert listed.code == 0, listed.err
    assert [one["name"] for one in listed.json] == ["note"]
