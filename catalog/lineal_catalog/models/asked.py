"""What became of an iteration that somebody asked for, while there is no version of it yet."""

from __future__ import annotations

from lineal.lineage.ledger import newest_steps_of_subject
from lineal.lineage.record import ACT
from lineal.store.connection import Connection

_STEPS = 200
"""Of a model that are looked at, the newest."""


def waiting_for(connection: Connection, name: str) -> str | None:
    """What the newest iteration of a model that was asked for waits for; None: it does not wait.

    That is a daemon that begins it, or what the stage that fixes datasets has said: more to learn
    from, the end of a fault.
    """
    handled: set[str] = set()
    said: str | None = None
    for step in newest_steps_of_subject(connection, f"model:{name}", _STEPS):
        if step.kind == ACT:
            begun = handled.intersection(step.events_out)
            return said if begun else "a daemon that runs the retrain stages (`lineal up`)"
        handled.update(step.events_in)
        if step.build is not None and step.build.stage == "retrain" and said is None:
            if "waits_for" not in step.attributes:
                return None  # it was begun, refused, or there was nothing new
            said = str(step.attributes["waits_for"])
    return said
