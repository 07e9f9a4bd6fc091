"""Nobody reads what ``lineal up`` says, as when a script that started it only waits."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineal.observability.background_output import BackgroundOutput
from tests.faults.conftest import NewSystem
from tests.faults.files import PROSE
from tests.lineal_process import LinealProcess

if sys.platform != "linux":
    pytest.skip("only Linux lets a pipe be made small", allow_module_level=True)

DOCUMENTS = 60
_PIPE_BYTES = 4096


def test_it_goes_on_and_says_the_rest_when_somebody_reads(
    new_system: NewSystem, tmp_path: Path
) -> None:
    system = new_system(tmp_path)
    process = LinealProcess[bytes](
        ["up", "--port", "0", "--json"],
        cwd=system.folder,
        env=system.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    system.process = process
    assert process.stdout is not None and process.stderr is not None
    for pipe in (process.stdout, process.stderr):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    assert json.loads(process.stdout.readline())["ready"]
    names = [f"{number}.txt" for number in range(DOCUMENTS)]
    for name in names:
        (system.inbox / name).write_text(f"{name} is about heather.\n{PROSE}")
    system.until_final(names)
    system.until_settled()

    said = set[str]()
    while len(said) < DOCUMENTS:
        said.add(json.loads(process.stdout.readline())["name"])
    assert said == set(names)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(err) > _PIPE_BYTES, "there was more than the pipe could hold"


def test_what_finds_no_room_is_dropped_whole_and_counted() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    output = BackgroundOutput(writing, max_bytes=10_000)
    for number in range(2_000):
        output.write(f'{{"number": {number}}}\n')
    output.close(0.01)  # does not wait for a reader that never comes
    assert output.waiting

    # the writer may have found room in between: each gap is as long as it is said to be
    due = 0
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
        while due < 2_000:
            line = json.loads(pipe.readline())
            if (number := line.get("number")) is None:
                assert line["lines"] > 0
                due += line["lines"]
            else:
                assert number == due
                due += 1
    assert due == 2_000
    output.close()
    os.close(writing)
