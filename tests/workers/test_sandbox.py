"""A worker that parses what strangers send can neither write, nor call home, nor know secrets."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lineal.workers.answers import UnreadableAnswer, decode, decode_error, encode
from lineal.workers.errors import WorkerError
from lineal.workers.pool import WorkerPool
from tests.workers import tasks

CHECK = (
    "from pathlib import Path; from lineal.workers.readable import readable; "
    "from lineal.workers.sandbox import enter; "
)
MISSING = subprocess.run(
    [sys.executable, "-c", f"{CHECK}print(*enter(Path('/tmp'), readable()).missing)"],
    capture_output=True, text=True, check=True,
).stdout  # fmt: skip
needs_landlock = pytest.mark.skipif("writing" in MISSING, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif("network" in MISSING, reason="this kernel has no seccomp")


@contextlib.asynccontextmanager
async def pool(named: Path | None = None) -> AsyncIterator[WorkerPool]:
    folders = () if named is None else (named,)
    made = WorkerPool(1, seconds=60, sandbox=True, named=folders)
    made.start()
    try:
        yield made
    finally:
        await made.close()


async def test_no_secret_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAL_HTTP_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with pool() as workers:
        found = await workers.run(tasks.environment)
    assert "secret" not in found.values()
    assert "PATH" in found


@needs_seccomp
async def test_it_has_no_network() -> None:
    async with pool() as workers:
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            assert await workers.run(tasks.open_socket, int(family)) == "denied"


@needs_landlock
async def test_it_writes_nowhere_but_in_its_scratch_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    async with pool() as workers:
        assert await workers.run(tasks.write_file, str(tmp_path / "new")) == "PermissionError"
        assert await workers.run(tasks.write_file, str(kept)) == "PermissionError"
        assert await workers.run(tasks.write_by_program, str(tmp_path / "new")) != 0
        scratch = Path(await workers.run(tasks.write_scratch)).parent
        assert scratch.is_dir()
    assert kept.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [kept]
    assert not scratch.exists()


@needs_landlock
async def test_it_reads_neither_secrets_nor_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    secrets = [
        home / ".ssh" / "id_ed25519", home / ".aws" / "credentials", data / "lineal.db",
        data / "api-token", data / "objects.key",
    ]  # fmt: skip
    for file in secrets:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"secret")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{home}")
    async with pool(data / "objects") as workers:
        for path in (*map(str, secrets), "/etc/shadow", f"/proc/{os.getpid()}/environ"):
            assert await workers.run(tasks.read_file, path) == "PermissionError", path
            assert await workers.run(tasks.read_by_program, path) != 0, path
        for folder in (home, data, "/etc", "/proc", Path.home()):
            assert await workers.run(tasks.list_folder, str(folder)) == "PermissionError", folder


@needs_landlock
async def test_of_objects_it_reads_those_whose_digests_it_is_told(tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    async with pool(objects) as workers:
        assert await workers.run(tasks.read_file, str(objects / "ab/cd")) == "FileNotFoundError"
        (objects / "ab").mkdir(parents=True)  # as of a data folder that is new
        (objects / "ab" / "cd").write_bytes(b"document")
        assert await workers.run(tasks.read_file, str(objects / "ab/cd")) == "read"
        for folder in (objects, objects / "ab"):
            assert await workers.run(tasks.list_folder, str(folder)) == "PermissionError"


@needs_landlock
async def test_it_reads_what_a_stage_asks_for_also_when_that_is_replaced(tmp_path: Path) -> None:
    words, other = tmp_path / "words.csv", tmp_path / "other.csv"
    words.write_bytes(b"words")
    other.write_bytes(b"other")
    async with pool() as workers:
        assert await workers.run(tasks.read_file, str(words)) == "PermissionError"
        workers.allow_reading([words])
        assert await workers.run(tasks.read_file, str(words)) == "read"
        # As editors save: the kernel would still know the file that is gone.
        (tmp_path / "new").write_bytes(b"words")
        (tmp_path / "new").replace(words)
        assert await workers.run(tasks.read_file, str(words)) == "read"
        assert await workers.run(tasks.read_file, str(other)) == "PermissionError"


@needs_landlock
async def test_it_ends_no_other_process() -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=subprocess.PIPE
    )
    async with pool() as workers:
        # Kernels before 6.12 let signals out.
        answer = await workers.run(tasks.kill_process, other.pid)
        assert answer in ("PermissionError", "sent")
    with contextlib.suppress(ProcessLookupError):
        other.kill()
    await other.wait()


async def test_errors_that_cannot_be_made_again_come_back_in_words() -> None:
    async with pool() as workers:
        process = await workers.run(tasks.process_id)
        for function, words in [
            (tasks.fail_oddly, "TwoArguments: page 3: no ink"),
            (tasks.fail_validation, "ValidationError: .*valid integer"),
        ]:
            with pytest.raises(WorkerError, match=f"(?s){words}"):
                await workers.run(function)
        assert await workers.run(tasks.process_id) == process, "none of it cost a process"


async def test_nothing_in_its_answer_is_run(capfd: pytest.CaptureFixture[str]) -> None:
    async with pool() as workers:
        with pytest.raises(WorkerError, match="no data"):
            await workers.run(tasks.hostile)
        with pytest.raises(LookupError, match="page 3"):
            await workers.run(tasks.fail, "page 3")
    assert "taken over" not in capfd.readouterr().out


class Colour(enum.Enum):
    RED = 1


class Pair(NamedTuple):
    left: int
    right: Any


@dataclasses.dataclass
class Box:
    name: str
    inside: list[Any]


class Model(BaseModel):
    number: int


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.just(Colour.RED) | st.builds(Model, number=st.integers(0, 9))
    | st.just(Path("/a")) | st.datetimes() | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner)
    | st.builds(Pair, st.integers(), inner) | st.builds(Box, st.text(), st.lists(inner)),
    max_leaves=10,
)  # fmt: skip


@given(DATA)
def test_data_come_back_as_they_were(value: Any) -> None:
    found = decode(encode(value))
    assert found == value
    assert type(found) is type(value)


def test_arrays_come_back_as_they_were() -> None:
    np = pytest.importorskip("numpy")
    found = decode(encode({"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2)}))
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["b"] == 2


@pytest.mark.parametrize(
    "tree",
    [
        b'{"n": "subprocess:Popen", "v": ["true"]}',
        b'{"c": "os:system", "v": {"command": "true"}}',
        b'{"m": "not_imported:Thing", "v": "{}"}',
        b'{"e": "builtins:str", "v": "join"}',
        b'{"b": 7}', b'{"x": 1}', b"[", b'{"a": "O", "v": [[1], 0, false]}',
    ],
)  # fmt: skip
def test_an_answer_that_is_no_data_is_refused(tree: bytes) -> None:
    head = len(tree).to_bytes(8, "little") + (0).to_bytes(8, "little")
    with pytest.raises(UnreadableAnswer):
        decode(head + tree)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    with contextlib.suppress(UnreadableAnswer):
        decode(data)


def test_an_error_of_a_type_that_is_none_is_refused() -> None:
    with pytest.raises(UnreadableAnswer):
        decode_error({"type": "os:system", "arguments": ["true"]})
