"""The frame around all commands: help, start-up, errors, pipes and terminals."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from lineal_cli.commands import COMMANDS
from lineal_cli.main import load_command
from lineal_cli.options import CommandFailed, data_folder, errors_reported, load_settings
from lineal_cli.reading import reading
from tests.cli.conftest import FILES, Lineal
from tests.lineal_process import LinealProcess

READING = [
    ["search", "x"],
    ["documents"],
    ["show", "x"],
    ["lineage", "x"],
    ["topics"],
    ["tail", "x"],
    ["dead", "list"],
    ["dead", "redrive", "--all"],
    ["replay", "--stage", "register"],
    ["rebuild"],
]


def test_help_lists_every_command_with_its_line(lineal: Lineal) -> None:
    answer = lineal("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert f"{command.name} " in answer.text
        assert command.help.split()[0] in answer.text


def test_the_line_in_help_is_what_the_command_says_of_itself() -> None:
    loaded = {listed.name: load_command(listed.name) for listed in COMMANDS}
    assert [name for name, command in loaded.items() if command.name != name] == []
    said = {name: (command.help or "").splitlines()[:1] for name, command in loaded.items()}
    assert said == {listed.name: [listed.help] for listed in COMMANDS}


def test_an_option_that_takes_several_may_be_given_again() -> None:
    """Of one that may not, all but the last would be passed over without a word."""

    def options(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        for option in command.params:
            yield f"{path} {'/'.join(option.opts)}", option
        for name, inner in getattr(command, "commands", {}).items():
            yield from options(inner, f"{path} {name}")

    single = [
        name
        for listed in COMMANDS
        for name, option in options(load_command(listed.name), listed.name)
        if (option.metavar or "").endswith(",...") and option.nargs == 1 and not option.multiple
    ]
    assert single == []


def test_help_and_version_import_no_command(process: Lineal, tmp_path: Path) -> None:
    code = (
        "import sys; from lineal_cli.main import app\n"
        "try: app(['--help'])\n"
        "finally: print(sorted(m for m in sys.modules if m.startswith('lineal')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = ["lineal", "lineal.errors", "lineal.plugins", "lineal_cli", "lineal_cli.commands"]
    loaded += ["lineal_cli.main", "lineal_cli.options", "lineal_schemas", "lineal_schemas.errors"]
    assert done.stderr.strip() == str(loaded)
    assert process("--version").text == f"lineal {version('lineal')}\n"


@pytest.mark.parametrize("question", [["documents"], ["lineage", "x"], ["search", "x"]])
def test_questions_load_nothing_that_is_slow_to_load(question: list[str], filled: Path) -> None:
    code = (
        "import sys; from lineal_cli.main import app\n"
        f"try: app({[*question, '--data', str(filled)]!r})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic_settings", "structlog", "prometheus_client", "numpy", "rich.table"}
    assert heavy & set(done.stdout.splitlines()) == set()


def test_errors_of_what_is_asked_as_json_are_json(lineal: Lineal, tmp_path: Path) -> None:
    plain = lineal("documents", "--data", tmp_path)
    answer = lineal("documents", "--data", tmp_path, "--json")
    assert (plain.code, answer.code) == (1, 1)
    assert json.loads(answer.err) == {"error": plain.err.strip().removeprefix("lineal: ")}


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(lineal: Lineal) -> None:
    answer = lineal("serach")
    assert answer.code == 2
    assert "search" in answer.err


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_without_data_a_command_says_what_to_do_and_makes_nothing(
    lineal: Lineal, working: Path, command: list[str]
) -> None:
    answer = lineal(*command)
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith("lineal: there is no data in data yet: start `lineal up`")
    assert answer.err.count("\n") == 1
    assert list(working.iterdir()) == []


def test_data_of_another_version_is_left_alone(lineal: Lineal, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "lineal.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    answer = lineal("documents", "--data", tmp_path)
    assert answer.code == 1
    assert "schema version 999" in answer.err


def test_a_file_that_is_no_database_is_one_line(lineal: Lineal, tmp_path: Path) -> None:
    (tmp_path / "lineal.db").write_bytes(b"this is no database at all" * 100)
    answer = lineal("documents", "--data", tmp_path)
    assert answer.code == 1
    assert answer.err.startswith("lineal: the database is damaged")


@pytest.mark.parametrize(
    ("toml", "variables", "names"),
    [
        ("", {"LINEAL_PORT": "many"}, "port"),
        ("workers = 0", {}, "workers"),
        ("data = ", {}, "lineal.toml"),
        ("[stages.reading]\ncolour = 1", {}, "stages.reading"),
    ],
)
def test_a_wrong_setting_is_named(
    lineal: Lineal, data: Path, working: Path, toml: str, variables: dict[str, str], names: str
) -> None:
    (working / "lineal.toml").write_text(toml)
    if "workers" in toml:
        variables = {**variables, "LINEAL_WORKERS": "0"}
    answer = lineal("replay", "--stage", "reading", "--stale", "--data", data, **variables)
    assert (answer.code, answer.out) == (1, b"")
    assert names in answer.err
    assert answer.err.count("\n") == 1


def test_a_misspelt_setting_is_named_and_not_ignored(
    working: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(working)
    (working / "lineal.toml").write_text("worker = 4\n[retry]\nattempt = 1\n")
    with pytest.raises(CommandFailed) as caught:
        load_settings()
    assert "worker: there is no such setting" in str(caught.value)
    assert "retry.attempt: there is no such setting" in str(caught.value)


def test_the_data_folder_is_found_like_all_settings(
    working: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lineal.settings import Settings

    monkeypatch.chdir(working)
    monkeypatch.delenv("LINEAL_DATA", raising=False)
    assert data_folder(None) == Settings().data == Path("data")
    (working / "lineal.toml").write_text('data = "from-file"')
    assert data_folder(None) == Settings().data == Path("from-file")
    monkeypatch.setenv("LINEAL_DATA", "from-environment")
    assert data_folder(None) == Settings().data == Path("from-environment")
    assert data_folder(Path("given")) == Path("given")


@pytest.mark.parametrize(
    ("toml", "variable", "meant"),
    [
        ('dta = "elsewhere"', {}, "dta: there is no such setting, did you mean data?"),
        ('stor = "sqlite:"', {}, "did you mean store?"),
        ("", {"LINEAL_DATAS": "elsewhere"}, "LINEAL_DATA?"),
    ],
)
def test_commands_that_only_read_name_a_misspelt_setting_too(
    working: Path,
    monkeypatch: pytest.MonkeyPatch,
    toml: str,
    variable: dict[str, str],
    meant: str,
) -> None:
    monkeypatch.chdir(working)
    monkeypatch.delenv("LINEAL_DATA", raising=False)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    (working / "lineal.toml").write_text(toml)
    with pytest.raises(CommandFailed) as caught, reading(None):
        pass
    assert meant in str(caught.value)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), errors_reported():
        raise KeyError("a bug")


def test_an_expected_error_is_one_line_whatever_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lineal_catalog.documents.queries import UnknownDocument

    with pytest.raises(typer.Exit) as ended, errors_reported():
        raise UnknownDocument("two\nlines")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "lineal: two lines\n"


def test_interrupting_is_quiet(data: Path, environment: dict[str, str]) -> None:
    with LinealProcess[bytes](
        ["tail", "document.arrived", "--from", "beginning", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        following.stdout.readline()
        following.send_signal(signal.SIGINT)
        assert following.wait(180) == 130
        assert following.stderr.read() == b""


def test_a_reader_that_leaves_early_is_no_error(filled: Path, environment: dict[str, str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "lineal_cli.main", "documents", "--data", str(filled)],
        stdout=write_end, stderr=subprocess.PIPE, env=environment, check=False, timeout=60,
    )  # fmt: skip
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def on_a_terminal(
    environment: dict[str, str], *arguments: str | Path, columns: int = 120
) -> tuple[int, str]:
    """Run a command whose output is a terminal."""
    ours, theirs = pty.openpty()
    with LinealProcess[bytes](
        list(map(str, arguments)),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": str(columns)},
    ) as running:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # a terminal ends with an error on Linux
            while piece := os.read(ours, 65536):
                shown += piece
        os.close(ours)
        return running.wait(180), shown.decode()


def test_on_a_terminal_hits_stand_out_and_tables_are_drawn(
    filled: Path, environment: dict[str, str]
) -> None:
    code, shown = on_a_terminal(environment, "search", "gearboxes", "--data", filled)
    assert code == 0
    assert "\x1b[1;33mgearboxes\x1b[0m" in shown
    code, shown = on_a_terminal(environment, "documents", "--data", filled)
    assert code == 0
    assert all(name in shown for name in FILES)
    assert "───" in shown
    code, shown = on_a_terminal(environment, "lineage", "note.txt", "--data", filled)
    assert code == 0
    assert "└── " in shown


def test_on_a_narrow_terminal_what_is_copied_stays_in_one_piece(
    filled: Path, environment: dict[str, str], lineal: Lineal
) -> None:
    listed = lineal("documents", "--data", filled, "--json").json
    code, shown = on_a_terminal(environment, "documents", "--data", filled, columns=80)
    assert code == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert all(len(line) <= 80 for line in lines)
    for document in listed:
        assert any(
            document["document_id"][:13] in line and document["status"] in line for line in lines
        )


def test_on_a_terminal_bytes_that_are_no_text_are_refused(
    data: Path, environment: dict[str, str]
) -> None:
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection, connection:
        # An arrival says what its sender thought it is; here nothing has looked at the bytes.
        connection.execute("UPDATE registry SET media_type = 'image/png'")
        for table in ("ledger", "ledger_index", "ledger_log"):
            connection.execute(f"DELETE FROM {table}")
    show = ("show", "refused.txt", "--as", "original", "--data", data)
    code, shown = on_a_terminal(environment, *show)
    assert code == 1
    assert "-o FILE" in shown
    assert "REFUSED" not in shown
    code, shown = on_a_terminal(environment, *show, "-o", data / "picture")
    assert (code, (data / "picture").read_bytes()) == (0, b"REFUSED")


def test_on_a_terminal_a_name_cannot_steer_it(data: Path, environment: dict[str, str]) -> None:
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection, connection:
        connection.execute("UPDATE registry SET name = 'evil' || char(27) || ']0;owned' || char(7)")
    for command in ("documents", "lineage", "show"):
        document = [] if command == "documents" else [sorted_ids(data)[0]]
        _, shown = on_a_terminal(environment, command, *document, "--data", data)
        assert "evil\N{REPLACEMENT CHARACTER}]0;owned" in shown
        assert "\x1b]0;" not in shown


def sorted_ids(data: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection:
        rows = connection.execute("SELECT document_id FROM registry ORDER BY 1").fetchall()
    return [document_id for (document_id,) in rows]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", '"unclosed', "--json"), "quotation mark"),
        (("documents", "--jsn", "--json"), "--jsn"),
        (("dead", "drop", "--json"), "name ids"),
    ],
)
def test_wrong_use_is_said_in_json_to_who_asks_for_json(
    lineal: Lineal, filled: Path, arguments: tuple[str, ...], says: str
) -> None:
    answer = lineal(*arguments, "--data", filled)
    assert answer.code == 2
    assert says in json.loads(answer.err)["error"]
    assert answer.out == b""


def test_a_name_of_several_documents_lists_their_ids(lineal: Lineal, data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "lineal.db")) as connection, connection:
        connection.execute("UPDATE registry SET name = 'same.txt' WHERE name LIKE '%.txt'")
        ids = {row[0] for row in connection.execute("SELECT document_id FROM registry")}
    answer = lineal("show", "same.txt", "--data", data, "--json")
    assert answer.code == 1
    error = json.loads(answer.err)["error"]
    assert "more than one document" in error
    assert all(document_id in error for document_id in ids)
