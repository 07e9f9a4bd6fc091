"""Commands that read the store work as well where it is in Postgres, without a data folder."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal.lineage.ledger import Ledger
from lineal.lineage.projections import projected_tables
from lineal.settings import Settings
from lineal.store.connection import Connection
from lineal.store.rows import insert_rows
from lineal_catalog.search.entries import SearchPage, replace_document
from lineal_cli.reading import reading_folder
from lineal_cli.server_checks import check_servers
from lineal_local.postgres import Postgres
from tests.cli.conftest import FILES, Lineal, id_of
from tests.lineage.records import one_step

_TABLES = (
    "builds",
    "ledger",
    "ledger_index",
    "objects",
    *(table.name for table in projected_tables(derived=True)),
)


@pytest.fixture
def url(filled: Path, store_url: str) -> str:
    """A store in Postgres with all that the data folder's database holds."""
    asyncio.run(_copy(filled, store_url))
    return store_url


async def _copy(folder: Path, url: str) -> None:
    from lineal.store.postgres.store import PostgresStore

    store = PostgresStore(url)
    await store.open()
    with reading_folder(folder) as source:
        for table in _TABLES:
            rows = source.execute(f"SELECT * FROM {table}").fetchall()
            await store.write(partial(insert_rows, head=f"INSERT INTO {table}", rows=rows))
        facets: dict[str, dict[str, str]] = {}
        for document_id, key, value in source.execute("SELECT * FROM search_facets"):
            facets.setdefault(document_id, {})[key] = value
        for document_id, found in facets.items():
            texts = source.execute(
                "SELECT page, text FROM search_entries JOIN search_text "
                "ON search_text.rowid = id WHERE document_id = ?",
                (document_id,),
            )
            pages = [SearchPage(number, text) for number, text in texts]
            await store.write(
                partial(replace_document, document_id=document_id, pages=pages, facets=found)
            )
    await store.close()


@pytest.mark.parametrize(
    "command",
    [
        ("documents",),
        ("documents", "--owner", "ada", "--limit", "2"),
        ("show", "letter.txt"),
        ("lineage", "letter.txt"),
        ("lineage", "note.txt", "--mermaid"),
        ("documents", "--status", "rejected"),
    ],
    ids=" ".join,
)
def test_the_answers_are_those_of_the_embedded_database(
    lineal: Lineal, data: Path, url: str, command: tuple[str, ...]
) -> None:
    options = () if "--mermaid" in command else ("--json",)
    embedded = lineal(*command, *options, "--data", data)
    shared = lineal(*command, *options, LINEAL_STORE=url)
    assert embedded.out and (shared.code, shared.out) == (embedded.code, embedded.out)


def test_a_search_finds_the_same_pages(lineal: Lineal, data: Path, url: str) -> None:
    def hits(answer: Any) -> list[tuple[str, int, str]]:
        return [(hit["name"], hit["page"], hit["snippet"]) for hit in answer.json]

    for text in ("turbine", "gearbox*", "note OR gearboxes"):
        embedded = hits(lineal("search", text, "--json", "--data", data))
        assert sorted(hits(lineal("search", text, "--json", LINEAL_STORE=url))) == sorted(embedded)
        assert embedded


def test_a_document_is_given_out(lineal: Lineal, data: Path, url: str, working: Path) -> None:
    """Small objects come from the store, large ones from where the settings say."""
    shown = lineal("show", "letter.txt", "--as", "text", LINEAL_STORE=url)
    assert (shown.code, shown.out) == (0, lineal("show", "letter.txt", "--as", "text", "--data",
                                                 data).out)  # fmt: skip
    lineal("show", "letter.txt", "--as", "original", "-o", "copy", "--data", data, LINEAL_STORE=url)
    assert (working / "copy").read_bytes() == FILES["letter.txt"]


def test_tables_are_made_again(lineal: Lineal, url: str, working: Path) -> None:
    before = lineal("documents", "--json", LINEAL_STORE=url).json
    _change(url, "DROP TABLE registry")
    _change(url, "DELETE FROM operations")
    rebuilt = lineal("rebuild", "--json", LINEAL_STORE=url)
    assert rebuilt.code == 0 and rebuilt.json["rows"]["registry"] == len(before)
    assert lineal("documents", "--json", LINEAL_STORE=url).json == before
    assert not (working / "data").exists()


def test_the_doctor_looks_at_the_store(url: str) -> None:
    [store] = check_servers(Settings(store=url))
    assert store.name == "store"
    assert store.state == "fine" and "Postgres" in store.found


def test_what_is_wrong_is_one_line(lineal: Lineal, store_url: str) -> None:
    for value, says in [
        (store_url, "no data in the Postgres database"),
        (store_url.replace("lineal:", "nobody:"), "LINEAL_STORE"),
        ("postgresql://user:secret@127.0.0.1:1/x", "cannot be reached"),
        ("mysql://user:secret@host/x", "neither"),
    ]:
        answer = lineal("documents", LINEAL_STORE=value)
        assert answer.code == 1 and says in answer.err and len(answer.err.splitlines()) == 1
        assert "secret" not in answer.err


def test_the_setting_may_come_from_the_file(lineal: Lineal, url: str, working: Path) -> None:
    (working / "lineal.toml").write_text(f"store = {orjson.dumps(url).decode()}\n")
    names = {document["name"] for document in lineal("documents", "--json").json}
    assert "letter.txt" in names
    assert lineal("show", id_of("letter.txt"), "--json").json["name"] == "letter.txt"


def _change(url: str, statement: str) -> None:
    from lineal.store.postgres.connection import connect

    with contextlib.closing(connect(url, write=True)) as connection:
        changing: Connection = connection
        changing.execute(statement)


def test_without_its_library_it_is_said_what_to_install(
    working: Path, environment: dict[str, str]
) -> None:
    program = "import sys; sys.modules['psycopg'] = None; from lineal_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "documents"],
        env={**environment, "LINEAL_STORE": "postgresql://localhost/lineal"},
        cwd=working, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "lineal[postgres]" in done.stderr and len(done.stderr.splitlines()) == 1


async def _sign(url: str, data: Path) -> None:
    from lineal.proof.writer import sign_behind
    from lineal.store.postgres.store import PostgresStore

    store = PostgresStore(url)
    await store.open()
    await sign_behind(store, Settings().log, data)
    await store.close()


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE registry SET name = 'forged.txt' WHERE name = 'note.txt'", "registry: the row of"),
        ("UPDATE search_text SET words = 'forged'::tsvector", "other words than text"),
        ("UPDATE search_text SET text = 'forged'", "does not hold its text"),
        ("DELETE FROM ledger_index", "does not lead to record 1"),
        ("UPDATE objects SET data = 'forged'", "is not what its digest says"),
    ],
)
def test_what_was_edited_there_is_found(
    lineal: Lineal, data: Path, url: str, sql: str, what: str
) -> None:
    import psycopg

    for file in (data / "checkpoints").iterdir():
        file.unlink()
    asyncio.run(_sign(url, data))
    untouched = lineal("verify", "--data", data, LINEAL_STORE=url)
    assert untouched.code == 0, untouched.text
    with psycopg.connect(url) as connection:
        connection.execute(sql)
    assert what in lineal("verify", "--data", data, LINEAL_STORE=url).text


def test_a_store_there_is_backed_up_and_restored_into_another_database(
    lineal: Lineal, data: Path, postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    import psycopg

    url = postgres_url
    asyncio.run(_copy(data, url))
    for file in (data / "checkpoints").iterdir():
        file.unlink()
    asyncio.run(_sign(url, data))
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO mark_keys VALUES ('k', 'secret', 1)")
        connection.execute("UPDATE ledger_log SET owner = 'somebody', lease_until = 1")
    target = tmp_path / "backup"
    made = lineal("backup", target, "--data", data, LINEAL_STORE=url)
    assert made.code == 0, made.err
    with psycopg.connect(url) as connection:
        count = connection.execute("SELECT count(*) FROM ledger").fetchall()[0][0]
    assert count > 0 and f"{count} records, {count} signed" in made.text
    verified = lineal("backup", "verify", target)
    assert verified.code == 0 and f"a dump with {count} records" in verified.text
    key = lineal("log", "key", "--data", data).text.strip()
    new = tmp_path / "new"
    refused = lineal("restore", target, "--data", new)
    assert refused.code == 1 and "LINEAL_STORE" in refused.err
    with postgres.database() as other:
        restored = lineal("restore", target, "--data", new, LINEAL_STORE=other)
        assert restored.code == 0, restored.err
        verified = lineal("verify", "--key", key, "--data", new, LINEAL_STORE=other)
        assert verified.code == 0, verified.text
        for asked in (("documents", "--json"), ("lineage", "letter.txt", "--json")):
            here = lineal(*asked, "--data", new, LINEAL_STORE=other)
            assert here.out == lineal(*asked, "--data", data, LINEAL_STORE=url).out
        with psycopg.connect(other) as connection:
            assert connection.execute("SELECT * FROM mark_keys").fetchall() == []
            assert connection.execute("SELECT owner FROM ledger_log").fetchall() == [(None,)]
        # One more record, signed with the key that was kept elsewhere.
        shutil.copy2(data / "log.key", new / "log.key")
        asyncio.run(_append_one(other))
        asyncio.run(_sign(other, new))
        assert lineal("verify", "--data", new, LINEAL_STORE=other).code == 0
    an_object = next(path for path in (target / "objects").rglob("*") if path.is_file())
    content = an_object.read_bytes()
    an_object.chmod(0o600)
    an_object.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert "is not what its digest says" in lineal("backup", "verify", target).text
    an_object.write_bytes(content)
    (dump,) = target.glob("store-*.dump")
    dump.write_bytes(dump.read_bytes()[:-1])
    assert lineal("backup", "verify", target).code == 1
    taken = lineal("restore", target, "--data", tmp_path / "other", LINEAL_STORE=url)
    assert taken.code == 1 and "does not verify" in taken.err


async def _append_one(url: str) -> None:
    from lineal.store.postgres.store import PostgresStore

    store = PostgresStore(url)
    await store.open()
    await store.write(lambda c: Ledger().append(c, [one_step("order:1")]))
    await store.close()
