"""Renditions that are made when they are asked for, by functions found by entry point.

A package brings its own under the entry points ``lineal.renditions``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lineal.errors import LinealError
from lineal.plugins import plugins
from lineal.store.objects import reference
from lineal_catalog.documents.renditions import ANALYSIS, find_renditions, registered_content
from lineal_schemas.objects import ObjectRef

if TYPE_CHECKING:
    from lineal.lineage.record import Artifact
    from lineal.runtime import Runtime
    from lineal.stages.services import Workers
    from lineal_catalog.documents.queries import DocumentInfo

ENTRY_POINTS = "lineal.renditions"
_SECONDS = 120.0
_FREE_SECONDS = 10.0
_PAGE_SECONDS = 0.5


class NoRendition(LinealError, LookupError):
    """A document cannot be given out in a form; the text says why."""


class RenditionSource(NamedTuple):
    """What a rendition is made of."""

    document_id: str
    name: str
    kind: str
    """As the stage ``classify`` names it: ``pdf``, ``image``, ..."""
    media_type: str
    sha256: str
    """Of the document's bytes."""
    content: str
    """Path of the document's bytes."""
    pdf: str | None
    """Path of the searchable PDF, if there is one."""
    result: bytes
    """The gzipped TextResult."""
    analysis: bytes | None
    """The gzipped Analysis, if there is one."""


@dataclass(frozen=True, slots=True)
class RenditionMaker:
    """What makes a rendition."""

    name: str
    """As it is asked for: ``lineal show DOC --as NAME``, ``GET /documents/ID/NAME``."""
    media_type: str
    suffix: str
    """Of the names of files, without its dot."""
    make: Callable[[RenditionSource], bytes]
    """Called in a worker process. It raises :class:`lineal.Reject` where there can be none."""


def rendition_makers() -> dict[str, RenditionMaker]:
    """All that are installed, by the names of their renditions."""
    found = plugins(ENTRY_POINTS).loaded.values()
    return {item.name: item for item in found if isinstance(item, RenditionMaker)}


async def make_rendition(
    workers: Workers, maker: RenditionMaker, source: RenditionSource, pages: int
) -> bytes:
    """Make a rendition in a worker process, in time bounded by the number of pages.

    Raises:
        NoRendition: it cannot be made; says why.
    """
    from lineal.stages import Reject
    from lineal.workers.costs import Cost, cost_kind
    from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
    from lineal.workers.fair_queue import Caller

    cost = Cost(
        kind=cost_kind(f"{source.kind}/{maker.name}", len(source.result)),
        limit=_FREE_SECONDS + _PAGE_SECONDS * pages,
    )
    caller = Caller("renditions", source.document_id)
    try:
        return await workers.run(
            maker.make, source, caller=caller, seconds=_SECONDS + _PAGE_SECONDS * pages, cost=cost
        )
    except Reject as error:
        raise NoRendition(str(error)) from error
    except WorkerTimeout as error:
        raise NoRendition(f"making its {maker.name} takes too long") from error
    except (WorkerOutOfMemory, WorkerCrashed) as error:
        raise NoRendition(f"its {maker.name} cannot be made: {error}") from error


async def rendition_source(runtime: Runtime, document: DocumentInfo) -> RenditionSource:
    """What the renditions of a document are made of.

    Raises:
        NoRendition: it was not read.
        ObjectMissing: its bytes are gone.
    """
    document_id = document.document_id
    content, forms = await runtime.store.read(
        lambda c: (registered_content(c, document_id), find_renditions(c, document_id))
    )
    if content is None or "json" not in forms:
        raise NoRendition(f"it was not read: it is {document.status}")
    pdf, analysis = forms.get("pdf"), forms.get(ANALYSIS)
    objects = runtime.objects
    return RenditionSource(
        document_id,
        document.name,
        str(document.attributes.get("kind")),
        document.media_type or content.media_type,
        content.sha256,
        str(await objects.path(_reference(content))),
        None if pdf is None else str(await objects.path(_reference(pdf))),
        await objects.get(_reference(forms["json"])),
        None if analysis is None else await objects.get(_reference(analysis)),
    )


def _reference(artifact: Artifact) -> ObjectRef:
    return reference(artifact.sha256, artifact.bytes, artifact.media_type)
