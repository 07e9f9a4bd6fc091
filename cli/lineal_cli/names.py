"""Checks topic names given on the command line."""

from __future__ import annotations

import typer

from lineal.bus.topic_names import TOPIC_RULE, is_topic_name


def topic_name(text: str) -> str:
    """A name for a topic that may be made; for use as a typer callback.

    Raises:
        typer.BadParameter: it could not be carried by every bus.
    """
    if not is_topic_name(text):
        raise typer.BadParameter(TOPIC_RULE)
    return text
