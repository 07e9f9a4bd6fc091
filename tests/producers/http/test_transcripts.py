"""The WebSocket for audio: who may, what is answered, and a wire that is cut."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from lineal.access.acts import Act
from lineal.access.tokens import create_token
from lineal.daemon import Daemon
from lineal.runtime import Runtime
from lineal_consumers.transcribe.stage import transcribe
from lineal_producers.http.application import application
from lineal_producers.http.serving import LoopbackServer, bind_loopback
from lineal_schemas.envelope import decode, now_us
from lineal_schemas.speech import AudioChunk
from tests.consumers.transcribe.speech import needs_espeak, samples_of, silence
from tests.producers.http.owner import as_owner

CHUNK = 4000


@pytest.fixture
async def address(runtime: Runtime) -> AsyncIterator[str]:
    server = LoopbackServer(application(runtime), bind_loopback(0))
    await server.start()
    yield f"ws://127.0.0.1:{server.port}/transcripts"
    await server.stop()


async def token_for(runtime: Runtime, act: Act) -> str:
    _, secret = await runtime.store.write(
        lambda c: create_token(
            c, "phone", frozenset((act,)), user=None, types=None, expires=None, now=now_us()
        )
    )
    return secret


def start(**fields: Any) -> str:
    return orjson.dumps(
        {"type": "start", "session": "call", "sample_rate": 16000, **fields}
    ).decode()


def chunk(samples: np.ndarray, number: int) -> bytes:
    part = samples[number * CHUNK : (number + 1) * CHUNK]
    return struct.pack(">QQ", number, number * CHUNK) + part.astype("<i2").tobytes()


async def said(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = orjson.loads(await socket.recv())
        if message["type"] == kind:
            return message


async def sent(runtime: Runtime) -> list[AudioChunk]:
    found = [decode(one.event).data async for one in runtime.bus.read(AudioChunk.type)]
    return [one for one in found if isinstance(one, AudioChunk)]


async def test_whoever_shows_no_token_or_may_not_upload_is_refused(
    runtime: Runtime, address: str
) -> None:
    with pytest.raises(InvalidStatus) as unknown:
        await connect(address)
    assert unknown.value.response.status_code == 401
    token = await token_for(runtime, "read")
    with pytest.raises(InvalidStatus) as reader:
        await connect(address, additional_headers={"authorization": f"Bearer {token}"})
    assert reader.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as foreign:
        await connect(
            address,
            additional_headers=as_owner(runtime.settings.data),
            origin=Origin("https://evil.test"),
        )
    assert foreign.value.response.status_code == 403


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (["{}"], "type"),
        ([start(sample_rate=44100)], "sample_rate"),
        ([start(), b"1234"], "16 bytes"),
        ([start(), struct.pack(">QQ", 0, 0) + b"odd"], "within a sample"),
        ([start(), struct.pack(">QQ", 2**60, 0)], "too large"),
    ],
)
async def test_what_cannot_be_taken_is_named_and_the_connection_closed(
    runtime: Runtime, address: str, messages: list[str | bytes], problem: str
) -> None:
    async with connect(address, additional_headers=as_owner(runtime.settings.data)) as socket:
        for message in messages:
            await socket.send(message)
        assert problem in (await said(socket, "error"))["error"]
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_a_session_of_the_same_name_is_another_ones_own(
    runtime: Runtime, address: str
) -> None:
    token = await token_for(runtime, "upload")
    ids = []
    for headers in (as_owner(runtime.settings.data), {"authorization": f"Bearer {token}"}):
        async with connect(address, additional_headers=headers) as socket:
            await socket.send(start())
            ids.append((await said(socket, "ready"))["session_id"])
    assert ids[0] != ids[1]


@needs_espeak
async def test_a_wire_that_is_cut_loses_no_audio_and_doubles_none(
    runtime: Runtime, address: str
) -> None:
    samples = np.concatenate(
        [samples_of("to the office in boston before friday morning"), silence(1)]
    )
    count = -(-len(samples) // CHUNK)
    headers = as_owner(runtime.settings.data)
    daemon = Daemon(runtime, [transcribe])
    await daemon.start()
    try:
        acknowledged = -1
        socket = await connect(address, additional_headers=headers)
        await socket.send(start())
        for number in range(4):
            await socket.send(chunk(samples, number))
        while acknowledged < 1:
            acknowledged = (await said(socket, "ack"))["sequence"]
        socket.transport.abort()  # what is on its way to be acknowledged is not known

        async with connect(address, additional_headers=headers) as socket:
            await socket.send(start(last_acknowledged=acknowledged))
            assert (await said(socket, "ready"))["next"] == acknowledged + 1
            for number in range(acknowledged + 1, count):
                await socket.send(chunk(samples, number))
            end = {"type": "end", "sequence": count, "first_sample": len(samples)}
            await socket.send(orjson.dumps(end).decode())
            numbers, texts = [], []
            async with asyncio.timeout(120):
                while True:
                    message = orjson.loads(await socket.recv())
                    if message["type"].startswith("transcript."):
                        numbers.append(message["number"])
                    if message["type"] == "transcript.final":
                        texts.append(message["text"].lower())
                    if message["type"] == "transcript.ended":
                        break
            assert numbers == list(range(1, len(numbers) + 1))
            assert message["gaps"] == []
            assert message["seconds"] == round(len(samples) / 16000, 3)
            assert texts
    finally:
        await daemon.stop()
    heard = {one.sequence: one.audio for one in await sent(runtime)}
    assert b"".join(heard[number] for number in range(count)) == samples.tobytes()
