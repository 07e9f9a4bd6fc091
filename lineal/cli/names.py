"""What a topic may be called."""

from __future__ import annotations

import re

import typer

_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


def topic_name(text: str) -> str:
    """A name for a topic that may be made; for use as a typer callback.

    Raises:
        typer.BadParameter: it could not be carried by every bus.
    """
    if not _TOPIC.fullmatch(text):
        raise typer.BadParameter("a topic's name is letters, digits and . _ / - (at most 200)")
    return text
