"""Why a model was put into use or taken out: its events say it, as records hold no free text."""

from __future__ import annotations

from typing import NamedTuple

from lineal.bus.protocol import Selection
from lineal.errors import UnknownTopic
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_schemas.envelope import decode
from lineal_schemas.models import ModelPromoted, ModelRolledBack


class ChangeId(NamedTuple):
    """One change of the model in use under a name."""

    counter: int
    sha256: str


async def reasons_of_changes(runtime: Runtime, name: str) -> dict[ChangeId, str]:
    """What was said with the changes of the model in use under a name.

    Changes without a reason, and those whose events the bus keeps no longer, are not among them.
    """
    found: dict[ChangeId, str] = {}
    for kind in (ModelPromoted, ModelRolledBack):
        try:
            async for delivery in read_admitted(runtime, kind.type, Selection(key=name)):
                change = decode(delivery.event).data
                if isinstance(change, ModelPromoted | ModelRolledBack) and change.reason:
                    found[ChangeId(change.counter, change.model.sha256)] = change.reason
        except UnknownTopic:
            continue
    return found
