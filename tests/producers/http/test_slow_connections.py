"""Nine hundred slow clients at once, and one who wants an answer: a real daemon, for a while."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lineal_local.ports import free_port
from tests.cli.processes import environment
from tests.producers.http.owner import as_owner

ATTACKERS = 900
SECONDS = 45.0
"""Longer than each of the deadlines of a header and of a body."""


@contextmanager
def daemon(folder: Path, port: int, descriptors: int | None) -> Iterator[None]:
    command = [sys.executable, "-m", "lineal_cli.main", "up", "--port", str(port)]
    if descriptors is not None:
        command = ["/bin/sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL,
        stderr=(folder / "up.log").open("wb"),
    ) as process:  # fmt: skip
        try:
            end = time.monotonic() + 180
            while not _healthy(port):
                assert process.poll() is None, (folder / "up.log").read_text()
                assert time.monotonic() < end
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(180)
            except subprocess.TimeoutExpired:
                process.kill()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


async def attack(port: int, number: int, header: bytes, ended: list[float]) -> None:
    """Keep a connection for as long as the server lets one, and open the next."""
    while True:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                kind = number % 4
                if kind == 1:
                    writer.write(header[:20])
                elif kind == 2:
                    writer.write(header + b"\r\n")  # a body of which little comes
                for position in range(20, 10_000):
                    if kind == 1:
                        writer.write(header[position % len(header) :][:1])
                    elif kind == 2:
                        writer.write(b"x")
                    await writer.drain()
                    async with asyncio.timeout(1):
                        if not await reader.read(1):
                            break
            except TimeoutError:
                # nothing was said, so it is still open
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(SECONDS):
                        await reader.read(1)
            finally:
                writer.close()
        ended.append(time.monotonic() - begun)
        await asyncio.sleep(0.5)


async def ask(port: int, headers: dict[str, str], name: str) -> None:
    """What anybody does: a document, and a question."""
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
        sent = await client.post(f"/documents?name={name}", content=name.encode())
        assert sent.status_code == 202
        listed = await client.get("/documents?limit=1")
        assert listed.status_code == 200


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("descriptors", [None, 256])
async def test_an_innocent_client_is_answered_all_the_while(
    tmp_path: Path, descriptors: int | None
) -> None:
    port = free_port()
    with daemon(tmp_path, port, descriptors):
        headers = as_owner(tmp_path / "data")
        head = (
            "POST /documents?name=slow.txt HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            f"authorization: {headers['authorization']}\r\ncontent-length: 100000\r\n"
        ).encode()
        ended: list[float] = []
        tasks = [asyncio.create_task(attack(port, n, head, ended)) for n in range(ATTACKERS)]
        answered, waited = 0, []
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                begun = time.monotonic()
                try:
                    await ask(port, headers, f"{answered}.txt")
                except httpx.TransportError:
                    if descriptors is None:
                        raise
                    continue  # where there is room for a tenth of them, one has to try again
                answered += 1
                waited.append(time.monotonic() - begun)
                await asyncio.sleep(0.2)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert answered >= 10, waited
        assert ended, "no slow connection was ended"
        assert (tmp_path / "up.log").stat().st_size < 50_000_000
