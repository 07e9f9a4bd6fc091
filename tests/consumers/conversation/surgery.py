"""The surgery's dialogue, and somebody who talks with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lineal_cli.examples
from lineal.testing import StageHarness
from lineal_consumers.conversation.config import ConversationConfig
from lineal_schemas.conversations import (
    FulfilmentCompleted,
    FulfilmentRequested,
    UtteranceReceived,
    UtteranceReplied,
)

FILE = Path(lineal_cli.examples.__path__[0]) / "surgery.toml"
CONFIG = ConversationConfig(folder=FILE.parent)
DIALOGUE = "surgery"


class Talker:
    """A person who talks."""

    def __init__(self, harness: StageHarness, person: str = "user:ann") -> None:
        self.harness, self.person = harness, person
        self.made: list[Any] = []

    async def say(self, text: str, channel: str = "web") -> UtteranceReplied:
        """The one reply to an utterance."""
        self.made = await self.harness.send(
            UtteranceReceived(person=self.person, dialogue=DIALOGUE, channel=channel, text=text),
            actor="user:ann",
        )
        assert self.harness.dead_letters == []
        (reply,) = [one for one in self.made if isinstance(one, UtteranceReplied)]
        return reply

    async def done(self, request: FulfilmentRequested, **answer: str) -> UtteranceReplied:
        made = await self.harness.send(
            FulfilmentCompleted(
                person=request.person,
                dialogue=request.dialogue,
                fulfilment_id=request.fulfilment_id,
                outcome="done",
                answer=answer,
            ),
            actor="user:ann",
        )
        (reply,) = made
        assert isinstance(reply, UtteranceReplied)
        return reply
