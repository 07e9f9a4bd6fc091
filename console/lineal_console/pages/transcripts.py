"""What was said in sessions of live transcription."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.responses import Response

from lineal.events_on_topic import events_on_topic
from lineal_console.event_reading import newest_of_type
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.speech import TranscriptEnded, TranscriptFinal

TRANSCRIPTS = Page("transcripts", "Transcripts", act="redrive", section="media", order=50)
"""Who reads what others have said reads events, and so needs the same act."""
_NEWEST = 2000
_DOUBTFUL = 0.5
"""Of the confidence of a word; below it is marked."""


@dataclass
class Session:
    """A session, as far as its newest events say."""

    session_id: str
    time_us: int
    utterances: int = 0
    speakers: set[str] = field(default_factory=set)
    text: str = ""
    """Of the utterance that is shown of it: its newest, or the newest with the words looked for."""


@TRANSCRIPTS.get()
async def transcripts(request: PageRequest) -> Response:
    """Sessions, that with the newest words first; or those in which words were said."""
    text = request.query("q").strip()
    sessions: dict[str, Session] = {}
    for event in await newest_of_type(request.runtime, TranscriptFinal, _NEWEST):
        said = event.data
        if text.casefold() not in said.text.casefold():
            continue
        session = sessions.setdefault(
            said.session_id, Session(said.session_id, event.time, text=said.text)
        )
        session.utterances += 1
        session.speakers.add(said.speaker)
    return request.render("transcripts.html", sessions=list(sessions.values()), text=text)


@TRANSCRIPTS.get("/{id}")
async def transcript(request: PageRequest) -> Response:
    """What was said in a session."""
    wanted = request.path("id")
    said = [event.data async for event in events_on_topic(request.runtime, TranscriptFinal, wanted)]
    ended = None
    async for event in events_on_topic(request.runtime, TranscriptEnded, wanted):
        ended = event.data
    if not said and ended is None:
        raise request.missing(request.text("Nothing was said in such a session."))
    by_number = {one.number: one for one in said}
    utterances = sorted(by_number.values(), key=lambda one: (one.start, one.number))
    return request.render(
        "transcript.html", session=wanted, utterances=utterances, ended=ended, doubtful=_DOUBTFUL
    )
