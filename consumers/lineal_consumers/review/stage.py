"""The stage that asks people to look, and brings what they say into what follows.

It keeps, by document, what was last read and analysed, so that an answer can be brought into it.
What a machine reads later, in a replay, is corrected again: nothing that a person said is lost.
"""

from __future__ import annotations

from functools import partial

from lineal import Context, Reject, stage
from lineal_catalog.reviews.opinions import opinions_of
from lineal_catalog.reviews.projection import REQUEST_ROLE
from lineal_catalog.reviews.thresholds import KIND, PPM
from lineal_consumers.review.answers import ANALYZED, remember_label
from lineal_consumers.review.applying import (
    EXTRACTED,
    apply_answer,
    corrected_analysis,
    corrected_reading,
    taught_class,
)
from lineal_consumers.review.config import ReviewConfig
from lineal_consumers.review.lasting import lasting_request, remember_begin, remember_end
from lineal_consumers.review.selecting import (
    anomaly_request,
    class_request,
    doubt_request,
)
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyOpened,
    AnomalyReviewDue,
    MachineMarked,
)
from lineal_schemas.documents import (
    DocumentAnalyzed,
    DocumentLabelled,
    DocumentRedactionRequested,
    DocumentReviewRequested,
    DocumentTextExtracted,
)
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.reviews import (
    AnomalyReviewed,
    ReviewCompleted,
    ReviewRequested,
    ReviewWithdrawn,
)

NAME = "review"


@stage(
    NAME,
    version="1",
    produces=(
        ReviewRequested,
        DocumentTextExtracted,
        DocumentAnalyzed,
        DocumentLabelled,
        DocumentRedactionRequested,
        AnomalyReviewed,
        MachineMarked,
    ),
    memo=False,
)
async def review(requested: ReviewRequested, ctx: Context[ReviewConfig]) -> None:
    """Put an item into the queue."""
    four_eyes = (
        requested.four_eyes
        or requested.document_class in ctx.config.four_eyes_classes
        or requested.target in ctx.config.four_eyes_targets
    )
    ctx.record_kind = KIND
    await ctx.objects.put(payload_bytes(requested), "application/json", role=REQUEST_ROLE)
    said: dict[str, int | str] = {
        "act": "request",
        "item": requested.item,
        "target": requested.target,
        "of": requested.of,
        "why": requested.reason,
        "four_eyes": int(four_eyes),
    }
    if requested.document_class is not None:
        said["document_class"] = requested.document_class
    if requested.confidence is not None:
        said["confidence"] = round(requested.confidence * PPM)
    ctx.annotate(**said)


@review.on
async def withdrawn(item: ReviewWithdrawn, ctx: Context[ReviewConfig]) -> None:
    """Take an item out of the queue; one that was answered stays."""
    await ctx.require("review")
    ctx.record_kind = KIND
    ctx.annotate(act="withdraw", item=item.item, target=item.target)


@review.on
async def doubted(
    doubts: DocumentReviewRequested, ctx: Context[ReviewConfig]
) -> ReviewRequested | None:
    """Ask for pages that were read with doubt."""
    if not ctx.config.doubts:
        ctx.skip("nobody is to look at doubts: [stages.review] doubts")
        return None
    requested = await doubt_request(doubts, ctx)
    if requested is None:
        ctx.skip("a person has looked at all of these pages")
    return requested


@review.on
async def read(
    document: DocumentTextExtracted, ctx: Context[ReviewConfig]
) -> list[DocumentTextExtracted | ReviewRequested]:
    """Bring earlier corrections into a new reading."""
    if _is_own(ctx):
        ctx.skip("it holds what people have said already")
        return []
    await ctx.state.put(f"{EXTRACTED}{document.document_id}", document)
    made = await corrected_reading(document, ctx)
    if not made:
        ctx.skip("nobody has corrected anything of it")
    return made


@review.on
async def analyzed(
    document: DocumentAnalyzed, ctx: Context[ReviewConfig]
) -> list[DocumentAnalyzed | ReviewRequested]:
    """Bring an earlier decision about the class into a new analysis, or ask for one."""
    if _is_own(ctx):
        ctx.skip("it holds what people have said already")
        return []
    await ctx.state.put(f"{ANALYZED}{document.document_id}", document)
    decided, made = await corrected_analysis(document, ctx)
    if not decided:
        requested = await class_request(document, ctx)
        made = [] if requested is None else [requested]
    if not made:
        ctx.skip("there is nothing to ask and nothing to correct")
    return made


@review.on
async def labelled(label: DocumentLabelled, ctx: Context[ReviewConfig]) -> DocumentAnalyzed | None:
    """What a document is taught to be, it is from then on, also where nobody was asked."""
    if _is_own(ctx):
        ctx.skip("it holds what people have said already")
        return None
    await ctx.require("review")
    if label.withdrawn:
        ctx.skip("an example that is forgotten stays what it was called")
        return None
    await remember_label(label, ctx)
    made = await taught_class(label.document_id, ctx)
    if not made:
        ctx.skip("it is of this class already, or not analysed yet")
        return None
    return made[0]


@review.on
async def opened(anomaly: AnomalyOpened, ctx: Context[ReviewConfig]) -> ReviewRequested | None:
    """Ask whether an anomaly is one, and later, if it lasts, what it is."""
    await remember_begin(anomaly, ctx)
    if not ctx.config.anomalies:
        ctx.skip("nobody is to look at anomalies: [stages.review] anomalies")
        return None
    return anomaly_request(anomaly)


@review.on
async def lasting(due: AnomalyReviewDue, ctx: Context[ReviewConfig]) -> ReviewRequested | None:
    """Ask about an anomaly that does not end."""
    requested = await lasting_request(due, ctx)
    if requested is None:
        ctx.skip("the anomaly is over")
    return requested


@review.on
async def closed(anomaly: AnomalyClosed, ctx: Context[ReviewConfig]) -> MachineMarked | None:
    """Note when an anomaly ended; one that was called a fault is marked until then."""
    return await remember_end(anomaly, ctx)


@review.on
async def answered(answer: ReviewCompleted, ctx: Context[ReviewConfig]) -> list[Payload]:
    """Bring an answer into what was made, for the stages that follow, and to learn from."""
    known = await ctx.query(partial(opinions_of, item_id=answer.item))
    event_id = ctx.event.id
    if all(made.event_id != event_id for made in known):
        raise Reject("nobody has given this answer: `lineal review complete` does")
    return await apply_answer(answer, ctx)


def _is_own(ctx: Context[ReviewConfig]) -> bool:
    return ctx.event.source == f"lineal:stage/{NAME}"
