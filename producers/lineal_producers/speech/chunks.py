"""Publishes chunks of audio, each under an id that follows from its session and its number."""

from __future__ import annotations

from hashlib import sha256

from lineal.admission import admit, publish
from lineal.runtime import Runtime
from lineal_producers.admission_policies import SPEECH
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import arrival_id
from lineal_schemas.speech import AudioChunk

_SOURCE = "lineal:speech"


def session_id_of(actor: str, name: str) -> str:
    """The id of a session of somebody's: nobody else's sessions have it, whatever they are
    called."""
    return sha256(f"{len(actor)}\n{actor}\n{name}".encode()).hexdigest()[:32]


async def publish_chunk(runtime: Runtime, chunk: AudioChunk, actor: str) -> None:
    """Put a chunk on the bus; durable on return. Once more is harmless: it has the same id.

    Args:
        actor: who sends it, by the credential that was shown.
    """
    identifier = arrival_id(_SOURCE, "", f"{chunk.session_id}\n{chunk.sequence}")
    event = admit(
        first_event(chunk, id=identifier, source=_SOURCE), SPEECH, payload=chunk, actor=actor
    )
    await publish(runtime.bus, runtime.objects, [(chunk.type, event)])
