"""Kill -9 for the daemon in the middle of a sentence: nothing is lost, doubled, or changed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal_producers.speech.chunks import publish_chunk
from lineal_producers.speech.results import TranscriptPayload, follow_transcript
from lineal_schemas.speech import AudioChunk, TranscriptEnded, TranscriptFinal, TranscriptPartial
from tests.consumers.transcribe.speech import needs_espeak, samples_of, silence

CHUNK = 4000
PATIENCE_SECONDS = 180


def chunks(session: str) -> list[AudioChunk]:
    samples = np.concatenate([samples_of("the weather is very nice today"), silence(1)])
    starts = range(0, len(samples), CHUNK)
    return [
        AudioChunk(
            session_id=session,
            sequence=number,
            first_sample=start,
            sample_rate=16000,
            audio=samples[start : start + CHUNK].astype("<i2").tobytes(),
            last=number == len(starts) - 1,
        )
        for number, start in enumerate(starts)
    ]


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    async with open_runtime(Settings(data=tmp_path / "data", durability="normal")) as opened:
        yield opened


def daemon(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "lineal_cli.main", "run", "transcribe", "--port", "0"]
    return subprocess.Popen(
        [*command, "--data", str(folder / "data")], cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


async def first_partial(runtime: Runtime, session: str) -> None:
    async for event in follow_transcript(runtime, session):
        if isinstance(event, TranscriptPartial):
            return


async def transcript(runtime: Runtime, session: str) -> list[TranscriptPayload]:
    return [event async for event in follow_transcript(runtime, session)]


@needs_espeak
async def test_a_killed_daemon_goes_on_where_it_was(tmp_path: Path, runtime: Runtime) -> None:
    async def feed(session: str, audio: list[AudioChunk]) -> None:
        for chunk in audio:
            await publish_chunk(runtime, chunk, "user:test")

    killed = daemon(tmp_path)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # the rest comes only when a part of the sentence was understood
            await feed("killed", chunks("killed")[:6])
            await first_partial(runtime, "killed")
    finally:
        killed.kill()
        killed.wait()
    await feed("killed", chunks("killed")[6:])
    await feed("spared", chunks("spared"))
    other = daemon(tmp_path)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await transcript(runtime, "killed")
            spared = await transcript(runtime, "spared")
    finally:
        other.kill()
        other.wait()
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    for kind in (TranscriptFinal, TranscriptEnded):
        ours = [one.model_dump(exclude={"session_id"}) for one in found if isinstance(one, kind)]
        theirs = [one.model_dump(exclude={"session_id"}) for one in spared if isinstance(one, kind)]
        assert ours == theirs
