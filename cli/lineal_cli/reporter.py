"""Reports what ``lineal up`` does: to a person, as JSON lines, or to the log."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog

from lineal.observability.background_output import BackgroundOutput
from lineal.runtime import Runtime
from lineal_catalog.documents.queries import DocumentInfo
from lineal_cli.outcomes import finished_documents
from lineal_cli.printing import STATUS_STYLES, console, count_of, lasting, plain
from lineal_cli.service import Service
from lineal_producers.folder.settings import FolderSettings

log = structlog.get_logger(__name__)

_MAX_LINES = 12
"""Of documents that are done at the same moment; the others are counted."""
_MAX_WAITING_BYTES = 64 * 1024
"""JSON lines that may wait to be read: the next ones are looked up when these are gone."""
_POLL_SECONDS = 0.25
_EVENT_STYLES = {
    "anomaly.opened": "bold red", "drift.detected": "bold yellow", "model.promoted": "bold green",
    "deployment.completed": "bold green", "deployment.aborted": "bold red",
    "telemetry.readings": "dim",
}  # fmt: skip
_MARKS = {"indexed": "✓", "rejected": "✗", "failed": "!"}


class Reporter(Protocol):
    """Says what happens."""

    def ready(self, service: Service, seconds: float, login: str) -> None:
        """Tell that it runs; ``login`` is an address that logs a browser in, once."""
        ...

    async def follow(self, runtime: Runtime) -> None:
        """Tell of each document that is done, until cancelled."""
        ...

    def report(self, kind: str, line: str, attributes: dict[str, Any]) -> None:
        """Tell of something that is no document: the type of its event, a line for people, and
        fields for machines."""
        ...

    def stopping(self) -> None: ...

    def stopped(self) -> None: ...


def reporter(as_json: bool) -> Reporter:
    """For the standard output there is."""
    if as_json:
        return _JsonReporter()
    return _ConsoleReporter() if sys.stdout.isatty() else _LogReporter()


def _attributes(service: Service, seconds: float) -> dict[str, Any]:
    settings = service.runtime.settings
    port = service.server.port if service.server is not None else settings.port
    inboxes = [
        os.fsencode(folder.path.resolve()).decode(errors="backslashreplace")
        for folder in settings.section(FolderSettings).watched_folders
    ]
    return {
        "inbox": inboxes[0],
        "inboxes": inboxes,
        "url": f"http://127.0.0.1:{port}",
        "data": os.fsencode(settings.data.resolve()).decode(errors="backslashreplace"),
        "watching": not service.producers["folder"].standing_by,
        "seconds": round(seconds, 2),
    }


def _outcome(document: DocumentInfo) -> dict[str, Any]:
    return {
        "document_id": document.document_id,
        "name": document.name,
        "status": document.status,
        "reason": document.reason,
        "pages": document.pages,
        "seconds": round((document.updated - document.registered) / 1e6, 2),
    }


class _JsonReporter:
    def __init__(self) -> None:
        self._output = BackgroundOutput(sys.stdout.fileno())

    def ready(self, service: Service, seconds: float, login: str) -> None:
        self._print({"ready": True, **_attributes(service, seconds), "login": login})

    async def follow(self, runtime: Runtime) -> None:
        async for documents in finished_documents(runtime):
            for document in documents:
                while self._output.waiting > _MAX_WAITING_BYTES:  # noqa: ASYNC110 - a thread's
                    await asyncio.sleep(_POLL_SECONDS)
                self._print(_outcome(document))

    def report(self, kind: str, line: str, attributes: dict[str, Any]) -> None:
        if self._output.waiting <= _MAX_WAITING_BYTES:
            self._print({"type": kind, "text": line, **attributes})

    def stopping(self) -> None:
        self._print({"stopping": True})

    def stopped(self) -> None:
        self._print({"stopped": True})
        self._output.close()

    def _print(self, value: Any) -> None:
        self._output.write(orjson.dumps(value).decode() + "\n")


class _LogReporter:
    def ready(self, service: Service, seconds: float, login: str) -> None:
        # how to get an address to log in, not the address: logs travel further than the data folder
        attributes = _attributes(service, seconds)
        data = service.runtime.settings.data
        port = attributes["url"].rpartition(":")[2]
        log.info("up.ready", **attributes, login=_command(data, "user address", f"--port {port}"))

    async def follow(self, runtime: Runtime) -> None:
        async for documents in finished_documents(runtime):
            for document in documents:
                outcome = _outcome(document)
                del outcome["name"]  # logs travel further than the data folder: no names in them
                log.info("document.done", **outcome)

    def report(self, kind: str, line: str, attributes: dict[str, Any]) -> None:
        log.info(kind, text=line, **attributes)

    def stopping(self) -> None:
        log.info("up.stopping")

    def stopped(self) -> None:
        log.info("up.stopped")


class _ConsoleReporter:
    def __init__(self) -> None:
        self._console = console()

    def ready(self, service: Service, seconds: float, login: str) -> None:
        from rich.table import Table
        from rich.text import Text

        attributes = _attributes(service, seconds)
        settings = service.runtime.settings
        lines = Table.grid(padding=(0, 3))
        where = " or ".join(map(plain, attributes["inboxes"]))
        if service.producers["folder"].standing_by:
            where += "  (watched by another `lineal up`; this one shares its work)"
        lines.add_row(" Drop files into", Text(where, "bold"))
        for what, subcommand, rest in (
            ("or send them", "put", "FILE..."),
            ("See them", "documents", ""),
            ("Search them", "search", "WORDS"),
            ("Ask where from", "lineage", "DOCUMENT"),
        ):
            lines.add_row(f" {what}", Text(_command(settings.data, subcommand, rest), "cyan"))
        lines.add_row(" HTTP, once", Text(login, "cyan"))
        lines.add_row(" Stop", Text("Ctrl-C"))
        self._console.print(Text(f"\nlineal is ready ({seconds:.1f} s)", "bold green"))
        self._console.print(lines)
        self._console.print()

    async def follow(self, runtime: Runtime) -> None:
        async for documents in finished_documents(runtime):
            self._report_all(documents)

    def _report_all(self, documents: Sequence[DocumentInfo]) -> None:
        for document in documents[:_MAX_LINES]:
            self._report_one(document)
        more = Counter(document.status for document in documents[_MAX_LINES:])
        for status, count in more.items():
            self._console.print(f" {_MARKS.get(status, ' ')} and {count} more {status}")

    def _report_one(self, document: DocumentInfo) -> None:
        from rich.text import Text

        style = STATUS_STYLES.get(document.status, "")
        line = Text(f" {_MARKS.get(document.status, ' ')} {document.status:<9}", style)
        line.append(plain(document.name), "bold")
        if document.status == "indexed":
            pages = "" if document.pages is None else f"{count_of(document.pages, 'page')}, "
            line.append(f"  {pages}{lasting(document.updated - document.registered)}", "dim")
        else:
            line.append(f"  {plain(document.reason or '')}")
        line.append(f"  {document.document_id[:8]}", "dim")
        self._console.print(line, soft_wrap=True)

    def report(self, kind: str, line: str, attributes: dict[str, Any]) -> None:
        from rich.text import Text

        text = Text(f" {time.strftime('%H:%M:%S')} ", "dim")
        text.append(plain(line), _EVENT_STYLES.get(kind, ""))
        self._console.print(text, soft_wrap=True)

    def stopping(self) -> None:
        self._console.print("\nFinishing what has begun; Ctrl-C again to stop at once.")

    def stopped(self) -> None:
        self._console.print("Stopped. Everything that waits is done at the next start.")


def _command(data: Path, subcommand: str, rest: str) -> str:
    """A command line that works from here, on the same data folder."""
    program = Path(sys.argv[0])
    lineal = "lineal"
    if program.name == "lineal" and not _on_path(program):
        lineal = shlex.quote(str(program))
    folder = (
        ""
        if data == Path(os.environ.get("LINEAL_DATA", "data"))
        else f" --data {shlex.quote(str(data))}"
    )
    return f"{lineal} {subcommand}{folder} {rest}".rstrip()


def _on_path(program: Path) -> bool:
    from shutil import which

    found = which("lineal")
    return found is not None and Path(found).resolve() == program.resolve()
