"""Local servers end with whoever started them, and say why they did not start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lineal_local import Unavailable
from lineal_local.aws import Ministack
from lineal_local.kafka_jars import find_java
from lineal_local.ports import accepts, free_port
from lineal_local.process import ServerProcess, StartFailed
from tests.services.missing import skipped_when_unavailable

STARTER = """
import sys, time
from pathlib import Path
from lineal_local.ports import accepts
from lineal_local.process import ServerProcess
port, log = int(sys.argv[1]), Path(sys.argv[2])
command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
server = ServerProcess("web", command, log=log, ready=lambda: accepts(port))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def eventually(happened: Callable[[], bool]) -> bool:
    """Within half a minute: long enough for a busy machine."""
    for _ in range(600):
        if happened():
            return True
        time.sleep(0.05)
    return False


def gone(pid: int) -> bool:
    """A zombie that nobody waits for counts as gone."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_dies_with_the_process_that_started_it(
    how: signal.Signals, tmp_path: Path
) -> None:
    port = free_port()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(port), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert starter.stdout is not None
    server = int(starter.stdout.readline())
    assert accepts(port)

    starter.send_signal(how)
    starter.wait()

    assert eventually(lambda: gone(server))
    # the first thread to end makes it a zombie, the last one closes the port
    assert eventually(lambda: not accepts(port))


def test_a_server_that_ends_at_once_tells_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such file: broker.properties')"]
    server = ServerProcess("broker", command, log=tmp_path / "log", ready=lambda: False)

    with pytest.raises(StartFailed, match=r"ended with code 1[\s\S]*no such file"):
        server.start()


def test_a_server_that_never_answers_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    server = ServerProcess("mute", command, log=tmp_path / "log", ready=lambda: False, seconds=1)

    with pytest.raises(StartFailed, match="did not answer"):
        server.start()

    assert not server.running
    assert eventually(lambda: gone(server.pid))


def test_a_stopped_server_leaves_nothing_behind() -> None:
    server = Ministack()
    with skipped_when_unavailable():
        server.start()
    folder, (log,) = server.directory, server.logs
    assert log.exists()

    server.stop()

    assert not folder.exists()
    with pytest.raises(RuntimeError, match="not started"):
        server.kill()


def test_a_server_in_the_foreground_ends_with_ctrl_c() -> None:
    with skipped_when_unavailable(), Ministack():
        pass
    process = subprocess.Popen(
        [sys.executable, "-m", "lineal_local", "aws", "--free-ports"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    endpoint = process.stdout.readline().strip()
    assert endpoint.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
    port = int(endpoint.rpartition(":")[2])
    assert accepts(port)

    os.kill(process.pid, signal.SIGINT)

    assert process.wait(timeout=180) == 0
    assert not accepts(port)


def test_without_java_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Unavailable, match="openjdk-17"):
        find_java()


def test_an_old_java_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.20\" 2023-07-18' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unavailable, match="17 or newer"):
        find_java()
