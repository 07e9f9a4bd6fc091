"""Which topic names are valid on every bus, and the names with a meaning of their own."""

from __future__ import annotations

import re

TOPIC_RULE = "a topic's name is letters, digits and . _ / - (at most 200)"

_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_DEAD_LETTERS = "dead."
_REDRIVE = "redrive."


def is_topic_name(text: str) -> bool:
    """Whether a topic may have this name; :data:`TOPIC_RULE` is the rule in words."""
    return _TOPIC.fullmatch(text) is not None


def dead_letter_topic(group: str) -> str:
    """Where a group's dead letters go."""
    return f"{_DEAD_LETTERS}{group}"


def is_dead_letter_topic(topic: str) -> bool:
    """Whether a topic is where some group's dead letters go."""
    return topic.startswith(_DEAD_LETTERS)


def redrive_topic(group: str) -> str:
    """Where dead letters come back from; only this group reads it."""
    return f"{_REDRIVE}{group}"


def is_redrive_topic(topic: str) -> bool:
    """Whether a topic is where some group's dead letters come back from."""
    return topic.startswith(_REDRIVE)
