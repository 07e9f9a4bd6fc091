"""``lineal transcribe``: a recording onto the bus in pieces, and what is said in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lineal_cli.idle_stages import idle_stages_running
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import plain, write_bytes

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_producers.speech.results import TranscriptPayload
    from lineal_producers.speech.wave_file import WaveFile
    from lineal_schemas.speech import SpeechOptions, TranscriptEnded

_STAGE = "transcribe"
_CHUNK_SECONDS = 0.5
_MAX_AHEAD_SECONDS = 60.0
"""Of audio on the bus of which nothing was heard yet."""
_LOOK_SECONDS = 2.0


def transcribe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording: WAV.")],
    speaker: Annotated[
        list[str] | None,
        typer.Option("--speaker", metavar="NAME", help="Of a channel; again for the next one."),
    ] = None,
    stability: Annotated[
        Literal["high", "medium", "low"] | None,
        typer.Option(help="How soon words are stable; as the settings say."),
    ] = None,
    redact: Annotated[
        bool | None,
        typer.Option("--redact/--no-redact", help="Without spoken numbers and names."),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="What is understood on the way too; stable words before |."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Transcribe a recording, and print what is said while it is understood."""
    if not file.is_file():
        raise typer.BadParameter(f"there is no file {str(file)!r}", param_hint="FILE")
    from lineal_cli.lifetime import run_in_loop
    from lineal_producers.speech.wave_file import UnreadableAudio, WaveFile
    from lineal_schemas.speech import SpeechOptions

    try:
        audio = WaveFile(file)
    except UnreadableAudio as error:
        raise CommandFailed(str(error)) from error
    options = SpeechOptions(stability=stability, redact=redact, speakers=tuple(speaker or ()))
    show = _shown_as_json if as_json else _shown(partial)
    settings = load_settings(data)
    ended, session_id = run_in_loop(_transcribe(settings, file.name, audio, options, show, as_json))
    if not as_json:
        lost = f", {len(ended.gaps)} gaps" if ended.gaps else ""
        typer.echo(
            f"{ended.seconds:.1f} s, {ended.utterances} utterances{lost}: session {session_id}",
            err=True,
        )


async def _transcribe(
    settings: Settings,
    name: str,
    audio: WaveFile,
    options: SpeechOptions,
    show: Callable[[TranscriptPayload], None],
    quiet: bool,
) -> tuple[TranscriptEnded, str]:
    from uuid import uuid4

    from lineal.access.senders import require_acting
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_cli.work_bar import work_bar
    from lineal_producers.speech.chunks import session_id_of
    from lineal_producers.speech.results import TranscriptionFailed, follow_transcript
    from lineal_schemas.envelope import now_us
    from lineal_schemas.speech import TranscriptEnded

    configure_logging("error", settings.log_format)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        by = await require_acting(runtime.store, "upload")
        session_id = session_id_of(by.actor, f"{name}\n{uuid4().hex}")
        since = now_us()
        await stack.enter_async_context(idle_stages_running(runtime, [_STAGE]))
        progress = stack.enter_context(work_bar(quiet=quiet))
        feeding = asyncio.create_task(_feed(runtime, audio, session_id, options, by.actor))
        stack.push_async_callback(_cancelled, feeding)
        try:
            async for event in follow_transcript(runtime, session_id, since_us=since):
                show(event)
                if isinstance(event, TranscriptEnded):
                    return event, session_id
                if event.words:
                    progress(name, int(event.words[-1].end), int(audio.seconds))
                if feeding.done():
                    feeding.result()
        except TranscriptionFailed as error:
            raise CommandFailed(str(error)) from error
    raise AssertionError("a transcript ends with its end")


async def _feed(
    runtime: Runtime, audio: WaveFile, session_id: str, options: SpeechOptions, actor: str
) -> None:
    """Publish the recording; not much faster than it is transcribed."""
    from lineal_producers.speech.chunks import publish_chunk

    for chunk in audio.chunks(session_id, options, _CHUNK_SECONDS):
        await publish_chunk(runtime, chunk, actor)
        if chunk.sequence % int(_MAX_AHEAD_SECONDS / _CHUNK_SECONDS) == 0:
            await _until_taken(runtime)
    audio.close()


async def _until_taken(runtime: Runtime) -> None:
    """Wait while more is on the bus than is to be there."""
    from lineal_schemas.speech import AudioChunk

    most = int(_MAX_AHEAD_SECONDS / _CHUNK_SECONDS)
    while True:
        waiting = [
            group.lag
            for topic in await runtime.bus.topics()
            if topic.topic == AudioChunk.type
            for group in topic.groups
            if group.group == _STAGE
        ]
        if not waiting or max(waiting) <= most:
            return
        await asyncio.sleep(_LOOK_SECONDS / 10)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _shown_as_json(event: TranscriptPayload) -> None:
    import orjson

    write_bytes(orjson.dumps({"type": event.type, **event.model_dump(mode="json")}) + b"\n")


def _shown(partial: bool) -> Callable[[TranscriptPayload], None]:
    from lineal_schemas.speech import TranscriptFinal, TranscriptPartial

    def show(event: TranscriptPayload) -> None:
        if isinstance(event, TranscriptFinal):
            typer.echo(plain(f"{_clock(event.start)}  {event.speaker}: {event.text}"))
        elif isinstance(event, TranscriptPartial) and partial:
            stable = " ".join(word.text for word in event.words if word.stable)
            others = " ".join(word.text for word in event.words if not word.stable)
            typer.echo(plain(f"{_clock(event.words[0].start)}  ... {stable} | {others}".rstrip()))

    return show


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"
