"""What a person sees of ``lineal up``."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.processes import environment
from tests.lineal_process import LinealProcess

_PATIENCE_SECONDS = 180.0


class Screen:
    """Everything a terminal was sent."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._descriptor = descriptor
        self._sent = b""
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def text(self) -> str:
        return self._sent.decode(errors="replace")

    def shows(self, *words: str) -> str:
        """Wait until all the words stand on one line, and return it."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            for line in self.text.splitlines():
                if all(word in line for word in words):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"{words} never came; there was:\n{self.text}")

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, 65536)
            except OSError:
                return
            if not chunk:
                return
            self._sent += chunk


@contextmanager
def on_terminal(folder: Path, *arguments: str) -> Iterator[Screen]:
    ours, theirs = pty.openpty()
    wide = {"COLUMNS": "160", "TERM": "xterm"}
    with LinealProcess[bytes](
        list(arguments), cwd=folder, env=environment() | wide, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            yield Screen(ours, process)
        finally:
            process.kill()
            os.close(ours)


def test_it_says_what_to_do_and_then_one_line_a_document(tmp_path: Path) -> None:
    with on_terminal(tmp_path, "up", "--port", "0", "--data", "kept") as screen:
        screen.shows("lineal is ready")
        screen.shows("Drop files into", str((tmp_path / "inbox").resolve()))
        screen.shows("search", "--data kept")
        screen.shows("http://127.0.0.1:")
        (tmp_path / "inbox" / "good\x1b[2Jname.txt").write_text("good")
        (tmp_path / "inbox" / "empty.pdf").write_bytes(b"")
        assert "\x1b[2J" not in screen.shows("indexed", "name.txt", "1 page")
        screen.shows("rejected", "empty.pdf", "the file is empty")
        assert "{" not in screen.text, "logs are for machines"
        screen.process.send_signal(signal.SIGINT)
        screen.shows("Finishing")
        screen.shows("Stopped")
        assert screen.process.wait(_PATIENCE_SECONDS) == 0


def test_put_shows_bars_while_it_waits_and_a_table_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a note")
    with on_terminal(tmp_path, "put", "note.txt", "--wait") as screen:
        screen.shows("documents", "0/1")
        screen.shows("note.txt", "indexed")
        assert screen.process.wait(_PATIENCE_SECONDS) == 0
