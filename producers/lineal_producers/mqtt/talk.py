"""What devices say in conversations, and what they are replied.

A device speaks for itself and the people at it: whose an utterance is, the broker has checked by
the topic. The event's id names the device's own id of the message, so one that comes again is
known, and a reply says which message it answers.
"""

from __future__ import annotations

from typing import NamedTuple

from lineal_schemas.conversations import (
    DeviceReply,
    DeviceUtterance,
    UtteranceReceived,
    UtteranceReplied,
)
from lineal_schemas.envelope import RawEvent

CHANNEL = "mqtt"
_PERSON, _ID = "device:", "talk:"


class TalkMessage(NamedTuple):
    """An utterance, and the device whose topic it came on."""

    device: str
    message: DeviceUtterance

    @property
    def event_id(self) -> str:
        return f"{_ID}{self.device}:{self.message.message_id}"

    def event(self) -> UtteranceReceived:
        """As the bus has it: a person of the device, who is nobody else's."""
        speaker = "" if self.message.speaker is None else f"/{self.message.speaker}"
        return UtteranceReceived(
            person=f"{_PERSON}{self.device}{speaker}",
            dialogue=self.message.dialogue,
            channel=CHANNEL,
            text=self.message.text,
        )


def reply_to_device(event: RawEvent, replied: UtteranceReplied) -> tuple[str, DeviceReply] | None:
    """The device that a reply is for, and what it is sent; None: it is for nobody at a device, or
    they talk through another channel now."""
    if replied.channel != CHANNEL or not replied.person.startswith(_PERSON):
        return None
    device, _, speaker = replied.person.removeprefix(_PERSON).partition("/")
    known = f"{_ID}{device}:"
    cause = event.causationid or ""
    return device, DeviceReply(
        message_id=cause.removeprefix(known) if cause.startswith(known) else None,
        dialogue=replied.dialogue,
        speaker=speaker or None,
        text=replied.text,
        expects=replied.expects,
        choices=replied.choices,
        time_us=event.time,
    )
