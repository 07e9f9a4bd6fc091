"""The stage of live transcription: chunks of audio come, partial and final transcripts go."""

from __future__ import annotations

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal_consumers.transcribe.config import TranscribeConfig
from lineal_consumers.transcribe.engines import engine_artifacts
from lineal_consumers.transcribe.session import ChannelState, Session
from lineal_schemas.payload import Payload
from lineal_schemas.speech import (
    AudioChunk,
    AudioOverdue,
    TranscriptEnded,
    TranscriptFinal,
    TranscriptPartial,
)


@stage(
    "transcribe",
    version="1",
    produces=(TranscriptPartial, TranscriptFinal, TranscriptEnded),
    memo=False,
    artifacts=engine_artifacts,
    lanes=WORKER_LANES,
    record_kind="transcribe",
)
async def transcribe(chunk: AudioChunk, ctx: Context[TranscribeConfig]) -> list[Payload]:
    """Transcribe the chunks of a session in their order, each once."""
    from lineal_consumers.transcribe.transcribing import Transcribing, early_key

    session = await ctx.state.get(f"session/{chunk.session_id}", Session) or _begun(chunk)
    ctx.annotate(sequence=chunk.sequence)
    if session.ended is not None:
        ctx.skip("the session has ended")
        return []
    if (chunk.sample_rate, chunk.channels) != (session.sample_rate, len(session.channels)):
        raise Reject(
            f"the session has {len(session.channels)} channels at {session.sample_rate} Hz: begin "
            "another one for other audio"
        )
    arrival = session.order.arrival(chunk.sequence)
    if arrival == "duplicate":
        ctx.skip("the chunk has come before")
        return []
    if arrival == "early":
        await ctx.state.put(early_key(chunk.session_id, chunk.sequence), chunk)
        session = session.model_copy(update={"order": session.order.with_early(chunk.sequence)})
        work = Transcribing(chunk.session_id, session, ctx)
        if len(session.order.early) > ctx.config.max_ahead_chunks:
            await work.give_up_missing()
        return await work.done()
    session = session.model_copy(update={"order": session.order.with_next()})
    work = Transcribing(chunk.session_id, session, ctx)
    await work.take(chunk)
    await work.take_released()
    return await work.done()


@transcribe.on
async def overdue(due: AudioOverdue, ctx: Context[TranscribeConfig]) -> list[Payload]:
    """Nothing came for some time: go on without what is missing, or end the session."""
    from lineal_consumers.transcribe.transcribing import Transcribing

    session = await ctx.state.get(f"session/{due.session_id}", Session)
    if session is None or session.ended is not None or session.order.received != due.received:
        ctx.skip("audio has come meanwhile")
        return []
    work = Transcribing(due.session_id, session, ctx)
    if session.order.early:
        await work.give_up_missing()
    else:
        await work.end("silent")
    return await work.done()


def _begun(chunk: AudioChunk) -> Session:
    return Session(
        sample_rate=chunk.sample_rate,
        channels=tuple(ChannelState() for _ in range(chunk.channels)),
        options=chunk.options,
    )
