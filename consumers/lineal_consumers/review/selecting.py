"""Chooses what people are asked to look at."""

from __future__ import annotations

from functools import partial
from hashlib import sha256

from lineal import Context
from lineal_catalog.reviews.class_evidence import AUDIT, evidence_now, share_to_ask
from lineal_catalog.reviews.thresholds import thresholds_set
from lineal_consumers.review.answers import answers_about
from lineal_consumers.review.config import OTHERS, ReviewConfig
from lineal_schemas.anomalies import AnomalyOpened
from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.documents import DocumentAnalyzed, DocumentReviewRequested
from lineal_schemas.results import Box
from lineal_schemas.reviews import ReviewPlace, ReviewRequested

_DRAWN = 1 << 32


async def doubt_request(
    doubts: DocumentReviewRequested, ctx: Context[ReviewConfig]
) -> ReviewRequested | None:
    """What to ask about pages that were read with doubt; None where a person has looked at them.

    Pages on which a person had changed something stay as the person said; where the machine reads
    other words there now, the reading itself asks (`conflict`).
    """
    seen = {
        item.page
        for said in await answers_about(f"document:{doubts.document_id}", ctx)
        for item in said.after.pages
    }
    places = [
        ReviewPlace(
            page=doubt.page,
            reason=place.reason,
            box=Box(place.left, place.top, place.width, place.height),
        )
        for doubt in doubts.doubts
        if doubt.page not in seen
        for place in doubt.places
    ]
    placed = {(place.page, place.reason) for place in places}
    places += [
        ReviewPlace(page=doubt.page, reason=reason)
        for doubt in doubts.doubts
        if doubt.page not in seen
        for reason in doubt.reasons
        if (doubt.page, reason) not in placed
    ]
    if not places:
        return None
    places.sort(key=lambda place: place.page)
    return ReviewRequested(
        subject=f"document:{doubts.document_id}",
        target="text",
        basis=doubts.result.sha256,
        reason="doubt",
        places=tuple(places),
    )


async def class_request(
    document: DocumentAnalyzed, ctx: Context[ReviewConfig]
) -> ReviewRequested | None:
    """What to ask about a class: of those that are not sure enough, and of some of the others."""
    measured = await ctx.query(thresholds_set)
    configured = ctx.config.thresholds
    name = document.document_class
    if document.class_doubt is not None and name not in measured:
        reason = "confidence" if document.class_doubt == "unsure" else "unknown"
        return _class_request(document, reason)
    threshold = next(
        (
            found[key]
            for found, key in (
                (measured, name), (configured, name), (measured, OTHERS), (configured, OTHERS)
            )
            if key in found
        ),
        0.0,
    )  # fmt: skip
    if document.class_confidence < threshold:
        return _class_request(document, "confidence")
    share, evidence = ctx.config.audit_share, None
    if name not in measured and document.class_evidence is not None:
        evidence = document.class_evidence
        share = max(share, share_to_ask(await ctx.query(partial(evidence_now, shown=evidence))))
    if not drawn(document.document_id, share):
        return None
    return _class_request(document, AUDIT, evidence)


def _class_request(
    document: DocumentAnalyzed, reason: str, evidence: ClassEvidence | None = None
) -> ReviewRequested:
    return ReviewRequested(
        subject=f"document:{document.document_id}",
        target="class",
        basis=document.analysis.sha256,
        reason=reason,
        document_class=document.document_class,
        confidence=document.class_confidence,
        evidence=evidence,
    )


def drawn(name: str, share: float) -> bool:
    """Whether something is among a share that is drawn by chance: the same each time."""
    number = int.from_bytes(sha256(f"audit\n{name}".encode()).digest()[:4], "big")
    return number < share * _DRAWN


def anomaly_request(anomaly: AnomalyOpened) -> ReviewRequested:
    """What to ask about an anomaly."""
    return ReviewRequested(
        subject=f"device:{anomaly.device}",
        target="anomaly",
        of=anomaly.anomaly_id,
        basis=anomaly.model.sha256,
        reason="anomaly",
    )
