"""What was read of a document at different times, side by side."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from starlette.responses import Response

from lineal.errors import ObjectMissing
from lineal.lineage.graph import GraphStep, lineage_graph
from lineal.lineage.record import Artifact
from lineal.proof.logged import logged_steps
from lineal.replay.comparison import Difference, as_json, differences
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.document import asked_document
from lineal_schemas.fields import FieldValues

VERSIONS = Page("documents", "Versions", order=51)
_ROLES = ("fields", "text", "result", "analysis", "csv")


class Version(NamedTuple):
    """An output of some kind, and the step that made it."""

    number: int
    """From 1, in the order in which they were made."""
    artifact: Artifact
    step: GraphStep


@VERSIONS.get("/{id}/versions")
async def versions(request: PageRequest) -> Response:
    """Two versions of an output and their differences; the newest two unless the address says
    which."""
    info = await asked_document(request)
    found = await request.runtime.store.read(lambda c: _versions(c, info.document_id))
    role = request.query("role")
    if role not in found:
        role = next((name for name in _ROLES if len(found.get(name, ())) > 1), "text")
    of_role = found.get(role, [])
    old = request.number("old", len(of_role) - 1, minimum=1, maximum=max(1, len(of_role)))
    new = request.number("new", len(of_role), minimum=1, maximum=max(1, len(of_role)))
    changed: list[Difference] = []
    problem = None
    if len(of_role) > 1:
        try:
            loaded = [
                await _content(request, of_role[number - 1].artifact) for number in (old, new)
            ]
            changed = await asyncio.to_thread(differences, *loaded)
        except ObjectMissing:
            problem = request.text("The bytes of one of them are gone.")
    return request.render(
        "versions.html",
        document=info,
        versions={name: found[name] for name in _ROLES if name in found},
        role=role,
        of_role=of_role,
        old=old,
        new=new,
        changed=changed,
        problem=problem,
    )


def _versions(connection: Connection, document_id: str) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    for step in lineage_graph(logged_steps(connection, DOCUMENT + document_id)).steps:
        for item in step.record.outputs:
            if item.role in _ROLES:
                of_role = found.setdefault(item.role, [])
                if not of_role or of_role[-1].artifact.sha256 != item.sha256:
                    of_role.append(Version(len(of_role) + 1, item, step))
    return found


async def _content(request: PageRequest, item: Artifact) -> Any:
    data = await request.runtime.objects.get(reference(item.sha256, item.bytes, item.media_type))
    found = await asyncio.to_thread(as_json, data)
    if item.role == "fields":  # each by its name: that is what somebody looks for
        return {field.name: field.value or "" for field in FieldValues.model_validate(found).fields}
    return found
