"""A real ``lineal up`` in folders of its own, as a user runs it, and looks at what it keeps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import stored_bytes
from lineal.lineage.record import RecordedStep
from lineal.store.sqlite import SqliteConnection
from lineal_catalog.documents.queries import DocumentInfo, list_documents
from tests.lineal_process import LinealProcess, run_lineal

PATIENCE_SECONDS = 180.0
"""How long a condition is waited for before the test has failed."""
FINAL = frozenset({"indexed", "rejected", "failed"})
_LAUNCHER = Path(__file__).with_name("without_privileges.py")


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class System:
    """Folders and settings of one ``lineal up``, which may be started many times.

    Attributes:
        folder: where everything is, the inbox among it.
        variables: settings in the environment of all commands.
        privileged: whether root may read what it has no permission for.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    privileged: bool = True
    data: Path = field(init=False)
    inbox: Path = field(init=False)
    url: str = field(init=False, default="")
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.inbox = self.folder / "inbox"
        self.inbox.mkdir(parents=True)

    @property
    def log(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def _said(self) -> Path:
        return self.folder / "said.jsonl"

    def start(self, *, wait: bool = True) -> None:
        """Start ``lineal up`` on a free port; with ``wait``, until it says that it is ready."""
        up = ["up", "--port", "0", "--json"]
        # Into files: nobody reads along, and a full pipe would hold everything up.
        with self.log.open("ab") as log, self._said.open("wb") as said:
            if self.privileged:
                self.process = LinealProcess[bytes](
                    up, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                    stdout=said, stderr=log,
                )  # fmt: skip
            else:
                self.process = subprocess.Popen(
                    [sys.executable, str(_LAUNCHER), "-m", "lineal_cli.main", *up],
                    cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                    stdout=said, stderr=log,
                )  # fmt: skip
        if wait:
            self.await_ready()

    def await_ready(self) -> None:
        """Wait until ``lineal up`` says that it is ready, and where."""
        self.until(lambda: b"\n" in self._said.read_bytes() or not self.running, "a first line")
        first = self._said.read_bytes().partition(b"\n")[0]
        assert first, f"lineal up ended before it was ready:\n{self._end_of_log()}"
        self.url = json.loads(first)["url"]

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tree(self) -> list[psutil.Process]:
        """All living processes of ``lineal up``, itself first."""
        if self.process is None or not self.running:
            return []
        try:
            main = psutil.Process(self.process.pid)
            return [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Have it end without a chance to do anything about it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Have it drain and end; its exit code."""
        assert self.process is not None
        process = self.process
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"lineal up did not end:\n{self._end_of_log()}") from error

    def lineal(self, *arguments: str | Path, stdin: bytes = b"") -> Answer:
        """Run another command on the same data folder."""
        done = run_lineal(
            list(map(str, arguments)),
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            timeout=PATIENCE_SECONDS,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def get(self, path: str) -> tuple[int, Any]:
        """Ask over HTTP: the status and the JSON that was answered."""
        try:
            request = urllib.request.Request(self.url + path, headers=self.authorization())
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def authorization(self) -> dict[str, str]:
        """The header that lets the owner of the data folder in."""
        token = (self.data / "api-token").read_text().strip()
        return {"authorization": f"Bearer {token}"}

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
        given = {"LINEAL_WORKERS": "2", "LINEAL_LOG_FORMAT": "json", "TERM": "dumb"}
        return {**kept, **given, **self.variables}

    @contextlib.contextmanager
    def connection(self) -> Iterator[SqliteConnection]:
        """Look into the database, beside whatever uses it."""
        connection = sqlite3.connect(self.data / "lineal.db", timeout=60, factory=SqliteConnection)
        connection.execute("PRAGMA query_only = ON")
        try:
            yield connection
        finally:
            connection.close()

    def documents(self) -> list[DocumentInfo]:
        with self.connection() as connection:
            return list_documents(connection)

    def document(self, name: str) -> DocumentInfo:
        """The one document that arrived under this name first."""
        found = [document for document in self.documents() if document.name == name]
        assert len(found) == 1, f"{name!r}: {found}"
        return found[0]

    def records(self) -> list[RecordedStep]:
        """The whole ledger."""
        with self.connection() as connection:
            rows = connection.execute("SELECT record FROM ledger ORDER BY seq").fetchall()
        return [step for (row,) in rows for step in parse_record(stored_bytes(row)).recorded()]

    def event_ids(self, topic: str) -> list[str]:
        """The ids of all events on a topic."""
        with self.connection() as connection:
            rows = connection.execute(
                "SELECT events.id FROM topics JOIN partitions ON partitions.topic = topics.id "
                "JOIN events ON position >= partitions.id << 40 "
                "AND position < (partitions.id + 1) << 40 WHERE topics.name = ?",
                (topic,),
            ).fetchall()
        return [identifier for (identifier,) in rows]

    def lag(self) -> int:
        """Events that some stage has yet to settle."""
        with self.connection() as connection:
            (lag,) = connection.execute(
                "SELECT coalesce(sum(next_offset - position), 0) FROM group_partitions "
                "JOIN partitions ON partitions.id = partition_id"
            ).fetchone()
        return int(lag)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition; that it never comes is the failure, not that it takes long."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > PATIENCE_SECONDS:
                raise AssertionError(f"never came about: {what}\n{self._end_of_log()}")
            time.sleep(0.05)

    def until_final(self, names: Sequence[str]) -> None:
        """Wait until the documents of these names are indexed, rejected or failed.

        Patience begins anew with every document that is: a busy machine takes long for many.
        """
        wanted = set(names)

        def missing() -> set[str]:
            final = {item.name for item in self.documents() if item.status in FINAL}
            return wanted - final

        fewest = len(wanted)
        begun = time.monotonic()
        while left := missing():
            if len(left) < fewest:
                fewest, begun = len(left), time.monotonic()
            if time.monotonic() - begun > PATIENCE_SECONDS:
                raise AssertionError(f"no outcome for {sorted(left)}\n{self._end_of_log()}")
            time.sleep(0.1)

    def until_settled(self) -> None:
        """Wait until no stage has anything left to do."""
        self.until(lambda: self.lag() == 0, "every stage has handled all of its events")

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""
