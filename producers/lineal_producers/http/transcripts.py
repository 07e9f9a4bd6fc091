"""``/transcripts``: a WebSocket that takes audio and gives what was said.

First the client says, as text, what it sends (:class:`SessionStart`). Then come binary messages:
the chunk's number and how many samples of a channel came before it, as unsigned 64-bit big-endian
integers, and PCM (signed 16-bit little-endian, channels interleaved). Each is acknowledged when it
is durable. ``{"type": "end", "sequence": N, "first_sample": S}`` ends the session. A client that
has lost the connection says in a new one what was acknowledged last, and sends what follows;
what comes twice counts once.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Annotated, Any, Literal, TypeVar

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from lineal.access.acts import NotPermitted
from lineal.access.credential import Credential
from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_producers.http.guard import guarded
from lineal_producers.speech.chunks import publish_chunk, session_id_of
from lineal_producers.speech.results import follow_transcript
from lineal_schemas.envelope import now_us
from lineal_schemas.speech import AudioChunk, SpeechOptions

log = structlog.get_logger(__name__)

_HEAD = struct.Struct(">QQ")
_MAX_NUMBER = 1 << 53
_START_SECONDS = 10.0
_MAX_AUDIO_BYTES = 512 * 1024
_RESUMED_US = 24 * 3600 * 1_000_000
"""How far back the transcript of a session is looked for that goes on."""
_UNACCEPTABLE, _FAILED = 1008, 1011
M = TypeVar("M", bound=BaseModel)


class SessionStart(BaseModel):
    """What a client says first."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["start"]
    session: Annotated[str, Field(min_length=1, max_length=128)]
    """Its name for the session, the same after a broken connection."""
    sample_rate: Literal[8000, 16000]
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    options: SpeechOptions = SpeechOptions()
    last_acknowledged: Annotated[int, Field(ge=0)] | None = None
    """The number of the last chunk that was; None in a new session."""
    last_result: Annotated[int, Field(ge=0)] = 0
    """The number of the last transcript event that it has."""


class SessionEnd(BaseModel):
    """What a client says last."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["end"]
    sequence: Annotated[int, Field(ge=0)]
    first_sample: Annotated[int, Field(ge=0)]


class _Unacceptable(LinealError, ValueError):
    """The client has sent what cannot be taken."""


def transcript_routes(runtime: Runtime) -> list[BaseRoute]:
    """The WebSocket, and an answer to whoever asks for it without one."""

    async def connected(socket: WebSocket) -> None:
        credential = socket.scope.get("lineal.credential")
        try:
            if not isinstance(credential, Credential):
                raise HTTPException(401, "this address is not open to anybody")
            credential.require("upload")
        except NotPermitted as error:
            await socket.send_denial_response(JSONResponse({"error": str(error)}, 403))
            return
        await socket.accept()
        await _serve(runtime, socket, credential.actor)

    async def explain(request: Request) -> Response:
        raise HTTPException(
            426, "this is a WebSocket (docs/transcription.md); the server needs "
            "`pip install 'lineal[speech]'`",
        )  # fmt: skip

    return [
        WebSocketRoute("/transcripts", connected),
        guarded("upload", "/transcripts", explain),
    ]


async def _serve(runtime: Runtime, socket: WebSocket, actor: str) -> None:
    try:
        start = await _started(socket)
        session_id = session_id_of(actor, start.session)
        following = 0 if start.last_acknowledged is None else start.last_acknowledged + 1
        await _say(socket, {"type": "ready", "session_id": session_id, "next": following})
        taking = asyncio.create_task(_take(runtime, socket, actor, session_id, start))
        giving = asyncio.create_task(_give(runtime, socket, session_id, start))
        try:
            await asyncio.wait((taking, giving), return_when=asyncio.FIRST_EXCEPTION)
            if taking.done():
                taking.result()
            giving.result()
        finally:
            taking.cancel()
            giving.cancel()
            await asyncio.gather(taking, giving, return_exceptions=True)
        await socket.close()
    except WebSocketDisconnect:
        return  # it comes again, or audio that is missing is not waited for any longer
    except _Unacceptable as error:
        await _refuse(socket, _UNACCEPTABLE, str(error))
    except Exception as error:
        log.exception("transcripts.failed")
        await _refuse(socket, _FAILED, f"{type(error).__name__}: connect again and go on")


async def _started(socket: WebSocket) -> SessionStart:
    try:
        async with asyncio.timeout(_START_SECONDS):
            message = await socket.receive()
    except TimeoutError as error:
        raise _Unacceptable("the first message, a start, did not come") from error
    return _read(SessionStart, message)


def _read(model: type[M], message: Any) -> M:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    try:
        return model.model_validate_json(message.get("text") or "")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _Unacceptable(f"{where or 'message'}: {first['msg']}") from error


async def _take(
    runtime: Runtime, socket: WebSocket, actor: str, session_id: str, start: SessionStart
) -> None:
    """Publish and acknowledge chunks until the last. The next is read when one is durable: a
    client that sends faster is slowed down by its connection."""
    while True:
        message = await socket.receive()
        data = message.get("bytes")
        if data is None:
            end = _read(SessionEnd, message)
            sequence, first, audio = end.sequence, end.first_sample, b""
        else:
            if len(data) < _HEAD.size:
                raise _Unacceptable(f"a chunk begins with {_HEAD.size} bytes of numbers")
            sequence, first = _HEAD.unpack_from(data)
            audio = data[_HEAD.size :]
        if len(audio) > _MAX_AUDIO_BYTES:
            raise _Unacceptable(f"a chunk has at most {_MAX_AUDIO_BYTES} bytes of audio")
        if len(audio) % (2 * start.channels):
            raise _Unacceptable("a chunk ends within a sample")
        if max(sequence, first) > _MAX_NUMBER:
            raise _Unacceptable("a number is too large")
        chunk = AudioChunk(
            session_id=session_id,
            sequence=sequence,
            first_sample=first,
            sample_rate=start.sample_rate,
            channels=start.channels,
            audio=audio,
            last=data is None,
            options=start.options,
        )
        await publish_chunk(runtime, chunk, actor)
        await _say(socket, {"type": "ack", "sequence": sequence})
        if chunk.last:
            return


async def _give(runtime: Runtime, socket: WebSocket, session_id: str, start: SessionStart) -> None:
    """Send transcript events until the session has ended."""
    since = now_us()
    if start.last_acknowledged is not None or start.last_result:
        since -= _RESUMED_US
    async for event in follow_transcript(runtime, session_id, start.last_result, since):
        await _say(socket, {"type": event.type, **event.model_dump(mode="json")})


async def _say(socket: WebSocket, message: dict[str, Any]) -> None:
    await socket.send_text(orjson.dumps(message).decode())


async def _refuse(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await _say(socket, {"type": "error", "error": reason})
        await socket.close(code, reason[:100])
    except (WebSocketDisconnect, RuntimeError):
        return
