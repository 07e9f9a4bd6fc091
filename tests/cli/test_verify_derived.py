"""What follows from the ledger, and is not in it, was edited: `lineal verify` finds it offline."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lineal.lineage.ledger import Ledger
from lineal.lineage.replayed import rejection_record
from lineal.proof.files import CheckpointFiles
from lineal.proof.installed_checks import installed_checks
from lineal.proof.keys import read_verifier_keys
from lineal.proof.verification import Finding, VerificationContext, run_checks
from lineal.store.blobs import FileBlobs
from lineal.store.sqlite import connect
from tests.cli.broken_projection import leaves_out_registered
from tests.cli.conftest import Lineal, id_of
from tests.proof.mutations import mutate_log
from tests.proof.verifying import tampering

TABLES = ("registry", "arrivals", "ownership", "labels", "operations", "dead_letter_outcomes")
SEARCH = ("search_entries", "search_facets")


def findings(folder: Path, connection: Any) -> tuple[Finding, ...]:
    keys = read_verifier_keys(folder / "log.key")
    outside = CheckpointFiles(folder / "checkpoints").load()
    large = FileBlobs(folder, folder / "run", "reader")
    arrived = frozenset({"document.arrived"})
    context = VerificationContext(
        connection, folder, outside, keys, large=large, from_outside=arrived
    )
    return run_checks(installed_checks(), context).findings


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE registry SET name = 'forged.txt' WHERE name = 'note.txt'", "registry: the row of"),
        ("DELETE FROM ownership WHERE owner = 'bert'", "ownership: the row of"),
        ("INSERT INTO labels VALUES ('x', 'y', 'z')", "labels: the ledger knows no row of x"),
        ("UPDATE operations SET status = 'indexed'", "operations: the row of"),
        ("UPDATE ledger SET build = NULL WHERE seq = 1", "the row of record 1 names another build"),
        ("UPDATE builds SET version = '9' WHERE stage = 'register'", "names another build"),
        ("INSERT INTO builds VALUES (99, 'a', '1', 'b', 'c', '[]')", "no record is of build 99"),
        ("DELETE FROM ledger_index", "the ledger's index does not lead to record 1"),
        ("UPDATE search_facets SET value = 'bill' WHERE key = 'class'", "has other facets"),
        ("UPDATE search_text SET text = 'forged' WHERE rowid = 1", "does not hold its text"),
        ("UPDATE search_text_content SET c0 = 'forged'", "other words than text"),
        ("DELETE FROM search_entries", "does not hold its text"),
        ("INSERT INTO search_entries VALUES (99, 'x', 1)", "no step put document x"),
        ("UPDATE objects SET data = x'00' WHERE rowid = 1", "is not what its digest says"),
        ("DELETE FROM objects WHERE rowid = 1", "is missing"),
        ("DELETE FROM events WHERE type = 'document.indexed'", "is missing"),
        (
            "UPDATE events SET id = 'forged' WHERE type = 'document.indexed'",
            "no step in the ledger",
        ),
        (
            "UPDATE events SET data = x'7b7d' WHERE type = 'document.indexed'",
            "is not what the step",
        ),
        (
            "UPDATE events SET id = 'forged', source = 'eve' WHERE type = 'lineal.event_failed'",
            "no step in the ledger",
        ),
    ],
)
def test_an_edit_is_named(lineal: Lineal, data: Path, sql: str, what: str) -> None:
    with tampering(data) as connection:
        connection.execute(sql)
    answer = lineal("verify", "--data", data, "--json")
    assert answer.code == 1
    assert what in answer.text, answer.text
    assert answer.json["holds"] == answer.json["records"]  # the ledger itself was left alone


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (
            "CREATE TRIGGER t AFTER INSERT ON ledger BEGIN UPDATE users SET role = 'owner'; END",
            "has a trigger t",
        ),
        ("CREATE VIEW v AS SELECT 1", "has a view v"),
        ("INSERT INTO users VALUES ('eve', 'owner', NULL, 1)", "that eve was made a user"),
        ("UPDATE users SET role = 'owner'", "ann is owner, and reader by the records"),
        ("DELETE FROM users", "the user ann is missing"),
        ("UPDATE api_tokens SET acts = 'manage'", "the token scanner was made for manage"),
        (
            "INSERT INTO api_tokens (token_id, digest, name, acts, created) "
            "VALUES ('i', x'00', 'own', 'read', 1)",
            "the token own was made for read",
        ),
    ],
)
def test_power_that_nobody_gave_is_named(lineal: Lineal, data: Path, sql: str, what: str) -> None:
    assert lineal("user", "add", "ann", "reader", "--no-password", "--data", data).code == 0
    for token, scope in (("scanner", "upload"), ("old", "read")):
        made = lineal("token", "create", token, "--scope", scope, "--data", data)
        assert made.code == 0, made.err
    assert lineal("token", "revoke", "old", "--data", data).code == 0
    assert lineal("verify", "--data", data).code == 0, lineal("verify", "--data", data).text
    with tampering(data) as connection:
        connection.execute(sql)
    answer = lineal("verify", "--data", data, "--json")
    assert answer.code == 1 and what in answer.text, answer.text
    with tampering(data) as connection:
        connection.execute("UPDATE api_tokens SET revoked = NULL WHERE name = 'old'")
    assert "the token old was made for" in lineal("verify", "--data", data, "--json").text


@pytest.mark.parametrize(
    "change",
    ["user_name = NULL", "types = NULL", "types = '*'", "expires = expires + 1", "owner = NULL"],
)
def test_a_token_with_more_rights_than_it_was_given_is_named(
    lineal: Lineal, data: Path, change: str
) -> None:
    assert lineal("user", "add", "ann", "uploader", "--no-password", "--data", data).code == 0
    made = lineal(
        "token", "create", "shop", "--scope", "upload,publish", "--user", "ann", "--type", "shop.*",
        "--owner", "archive", "--data", data,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert lineal("verify", "--only", "derived", "--data", data).code == 0
    with tampering(data) as connection:
        connection.execute(f"UPDATE api_tokens SET {change}")
    answer = lineal("verify", "--only", "derived", "--data", data)
    assert answer.code == 1 and "the token shop is another user's" in answer.text


def test_a_changed_file_is_named(lineal: Lineal, data: Path) -> None:
    file = large_objects(data)[0]
    kept = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(b"forged")
    assert "is not what its digest says" in lineal("verify", "--data", data).text
    file.unlink()
    assert " missing" in lineal("verify", "--data", data).text
    file.write_bytes(kept)
    assert lineal("verify", "--data", data).code == 0


def test_what_people_ask_for_is_on_record_as_theirs(lineal: Lineal, data: Path) -> None:
    document = id_of("letter.txt")
    for command in (
        ("label", document, "letter"),
        ("model", "train", "documents"),
        ("redact", document, "--word", "coast", "--reason", "asked", "--wait", "0"),
    ):
        done = lineal(*command, "--data", data)
        assert done.code == 0, done.err
    verified = lineal("verify", "--data", data)
    assert verified.code == 0, verified.err
    steps = lineal("lineage", document, "--data", data, "--json").json
    assert [step["kind"] for step in steps].count("act") == 2


def test_rebuild_refuses_what_it_would_make_the_truth(lineal: Lineal, data: Path) -> None:
    with tampering(data) as connection:
        connection.execute("UPDATE registry SET name = 'forged.txt'")
    assert lineal("rebuild", "--data", data).code == 0, "the ledger and the objects are as signed"
    assert lineal("verify", "--data", data).code == 0
    with tampering(data) as connection:
        connection.execute(
            "UPDATE objects SET data = CAST(replace(data, 'letter', 'lettre') AS BLOB) "
            "WHERE CAST(data AS TEXT) LIKE '%letter.txt%'"
        )
    refused = lineal("rebuild", "--data", data)
    assert refused.code == 1 and "is not what its digest says" in refused.err
    assert lineal("rebuild", "--data", data, "--unverified").code == 0


@pytest.mark.parametrize(
    ("count", "seed"),
    [(60, 0), *(pytest.param(1_000, seed, marks=pytest.mark.long) for seed in range(1, 11))],
)
def test_random_changes_are_found_each(
    lineal: Lineal, filled: Path, tmp_path: Path, count: int, seed: int
) -> None:
    folder = Path(shutil.copytree(filled, tmp_path / "many"))
    random = Random(seed)
    with tampering(folder) as connection:
        assert not findings(folder, connection)
        for number in range(count):
            connection.execute("BEGIN")
            with mutated(random, connection, folder) as said:
                assert findings(folder, connection), f"change {number} was not found: {said}"
            connection.execute("ROLLBACK")
        assert not findings(folder, connection)


def large_objects(folder: Path) -> list[Path]:
    """Files of objects that are not in the database as well."""
    with tampering(folder) as connection:
        small = {name.hex() for (name,) in connection.execute("SELECT sha256 FROM objects")}
    files = [path for path in (folder / "objects").rglob("*") if path.is_file()]
    return sorted(path for path in files if path.parent.name + path.name not in small)


@contextlib.contextmanager
def mutated(random: Random, connection: Any, folder: Path) -> Iterator[str]:
    """One change of a kind and at a place that chance names, undone at the end."""
    kind = random.choice(["row", "row", "row", "log", "log", "index", "object", "file", "event"])
    if kind == "file":
        file = random.choice(large_objects(folder))
        kept = file.read_bytes()
        file.unlink()
        if random.random() < 0.7:
            at = random.randrange(len(kept))
            file.write_bytes(kept[:at] + bytes((kept[at] ^ 1,)) + kept[at + 1 :])
        yield f"{file}"
        file.unlink(missing_ok=True)
        file.write_bytes(kept)
        return
    changes: dict[str, Callable[[Random, Any], str]] = {
        "row": _row, "log": mutate_log, "index": _index, "object": _object, "event": _event
    }  # fmt: skip
    if kind == "object":
        # What is in a file as well is not lost with its row.
        for (name,) in connection.execute("SELECT sha256 FROM objects").fetchall():
            if (folder / "objects" / name.hex()[:2] / name.hex()[2:]).exists():
                connection.execute("DELETE FROM objects WHERE sha256 = ?", (name,))
    yield f"{kind}: {changes[kind](random, connection)}"


def _row(random: Random, connection: Any) -> str:
    """Edit, delete, add or swap rows of a derived table."""
    filled = [
        table
        for table in (*TABLES, *SEARCH)
        if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 1
    ]
    table = random.choice(filled)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    one, other = random.sample(rows, 2)
    act = random.choice(["edit", "delete", "add", "swap"])
    column = random.randrange(len(columns))
    where = " AND ".join(f"{name} IS ?" for name in columns)
    if act == "delete":
        connection.execute(f"DELETE FROM {table} WHERE {where}", one)
    elif act == "add":
        added = [f"{value}x" if isinstance(value, str) else value for value in one]
        if table == "search_entries":
            added[0] = 1000
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(added))})", added)
    elif act == "edit" or one[column] == other[column]:
        value = one[column]
        changed = value + 1000 if isinstance(value, int) else f"{value}x"
        connection.execute(
            f"UPDATE {table} SET {columns[column]} = ? WHERE {where}", (changed, *one)
        )
    else:
        # By way of a row that is in nobody's way.
        for values in (one, other):
            connection.execute(f"DELETE FROM {table} WHERE {where}", values)
        swapped = [list(one), list(other)]
        swapped[0][column], swapped[1][column] = other[column], one[column]
        for values in swapped:
            connection.execute(
                f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(values))})", values
            )
    if set(connection.execute(f"SELECT * FROM {table}").fetchall()) == set(rows):
        connection.execute(f"DELETE FROM {table} WHERE {where}", one)  # swapped with its like
    return f"{act} {table}.{columns[column]} of {one}"


def _index(random: Random, connection: Any) -> str:
    rows = connection.execute("SELECT id, entries FROM ledger_index").fetchall()
    number, entries = random.choice(rows)
    at = random.randrange(len(entries))
    act = random.choice(["edit", "delete", "cut", "twice", "node"])
    if act == "edit":
        changed = entries[:at] + bytes((entries[at] ^ 1 << random.randrange(8),))
        changed += entries[at + 1 :]
    elif act == "cut":
        changed = entries[:-12]
    else:
        changed = entries + entries[:12]
    if act == "delete":
        connection.execute("DELETE FROM ledger_index WHERE id = ?", (number,))
    elif act == "node":
        connection.execute("UPDATE ledger_index SET node = 16 WHERE id = ?", (number,))
    else:
        connection.execute("UPDATE ledger_index SET entries = ?, size = ? WHERE id = ?",
                           (changed, len(changed), number))  # fmt: skip
    return act


def _object(random: Random, connection: Any) -> str:
    rows = connection.execute("SELECT rowid, data FROM objects").fetchall()
    (number, data), (other, _) = random.sample(rows, 2)
    act = random.choice(["edit", "delete", "swap"])
    if act == "delete":
        connection.execute("DELETE FROM objects WHERE rowid = ?", (number,))
    elif act == "swap":
        connection.execute("UPDATE objects SET data = ? WHERE rowid = ?", (data, other))
    else:
        connection.execute("UPDATE objects SET data = ? WHERE rowid = ?", (data + b" ", number))
    return act


def _event(random: Random, connection: Any) -> str:
    made = connection.execute(
        "SELECT position, type FROM events WHERE source LIKE 'lineal:stage/%'"
    ).fetchall()
    position, kind = random.choice(made)
    act = random.choice(["id", "data", "added"])
    if act == "added":
        connection.execute(
            "INSERT INTO events SELECT position + 1000, id || 'x', 'forged', type, subject, time, "
            "datacontenttype, dataschema, partitionkey, traceparent, causationid, correlationid, "
            "data, supersedes, actor FROM events WHERE position = ?", (position,))  # fmt: skip
    elif act == "id":
        connection.execute("UPDATE events SET id = id || 'x' WHERE position = ?", (position,))
    else:
        connection.execute(
            "UPDATE events SET data = CAST(data || ' ' AS BLOB) WHERE position = ?", (position,)
        )
    return f"{act} of a {kind}"


def test_one_check_alone(lineal: Lineal, data: Path) -> None:
    with tampering(data) as connection:
        connection.execute("UPDATE registry SET name = 'forged.txt'")
    assert lineal("verify", "--only", "log", "--data", data).code == 0
    assert lineal("verify", "--only", "objects", "--only", "database", "--data", data).code == 0
    assert lineal("verify", "--only", "derived", "--data", data).code == 1
    refused = lineal("verify", "--only", "nothing", "--data", data)
    assert refused.code == 2 and "derived" in refused.err


def test_steps_that_a_projection_leaves_out_are_no_agreement(
    lineal: Lineal, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables made anew lack the same rows, and so would compare as equal."""
    assert lineal("verify", "--data", data).code == 0
    with monkeypatch.context() as patched:
        name = leaves_out_registered(patched)
        made = lineal("rebuild", "--data", data)
        assert (made.code, "has left out" in made.err) == (1, True)
        verified = lineal("verify", "--data", data)
        assert verified.code == 1
        assert f"the projection {name} has left out" in verified.text
        assert "KeyError('name')" in verified.text
    assert "is missing" in lineal("verify", "--data", data).text, "its package is mended"
    assert lineal("rebuild", "--data", data).code == 0
    assert lineal("verify", "--data", data).code == 0


def test_a_message_that_was_refused_is_not_missed(lineal: Lineal, data: Path) -> None:
    """Of what a stranger writes to the lineage topic only the digest is kept: whoever may write
    there cannot make a ledger that holds look wrong."""
    refused = rejection_record(
        "lineal.lineage",
        "lineal.ledger",
        "application/octet-stream",
        7,
        b"forged",
        "Unmarked",
        "no",
    )
    with contextlib.closing(connect(data / "lineal.db", "full")) as connection:
        connection.execute("BEGIN")
        Ledger().append(connection, [refused])
        connection.execute("COMMIT")
    assert lineal("log", "checkpoint", "--data", data).code == 0
    verified = lineal("verify", "--data", data)
    assert verified.code == 0, verified.text
