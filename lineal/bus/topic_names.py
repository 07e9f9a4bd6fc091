"""What a topic may be called, so that every bus can carry it."""

from __future__ import annotations

import re

TOPIC_RULE = "a topic's name is letters, digits and . _ / - (at most 200)"

_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


def is_topic_name(text: str) -> bool:
    """Whether a topic may have this name; :data:`TOPIC_RULE` says it in words."""
    return _TOPIC.fullmatch(text) is not None
