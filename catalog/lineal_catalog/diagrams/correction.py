"""A person's correction of a diagram, as the command line and HTTP make it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.runtime import Runtime
from lineal_catalog.diagrams.search import diagram_at
from lineal_schemas.diagrams import DiagramCorrected
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id

_SOURCE = "lineal:diagram"


async def correct_diagram(
    runtime: Runtime, url: str, services: Sequence[str], by: Credential
) -> DiagramCorrected:
    """Say which services a diagram shows; none: it is no diagram. Durable on return.

    Raises:
        NotPermitted: they may not review.
        UnknownDiagram: there is none at this URL.
        pydantic.ValidationError: a service has no name, or a very long one.
    """
    by.require("review")
    await runtime.flush_ledger()
    found = await runtime.store.read(partial(diagram_at, url=url))
    said = DiagramCorrected(
        url=url,
        content=found.content,
        services=tuple(services),
        by=by.actor,
        corrected_us=now_us(),
    )
    identifier = arrival_id(_SOURCE, "", said.model_dump_json())
    await publish_act(runtime, said, id=identifier, source=_SOURCE, actor=by.actor)
    return said
