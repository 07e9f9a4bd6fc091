"""What people have said of a subject, in the order in which they did.

They say it in reviews, and of documents also by teaching what class one is: whoever teaches was
perhaps asked nothing.
"""

from __future__ import annotations

from functools import partial

from pydantic import BaseModel

from lineal import Context
from lineal.errors import ObjectMissing
from lineal.store.objects import reference
from lineal_catalog.reviews.correcting import Answer
from lineal_catalog.reviews.opinions import decisions_about
from lineal_catalog.reviews.projection import AFTER_ROLE, BEFORE_ROLE
from lineal_consumers.review.config import ReviewConfig
from lineal_schemas.documents import DocumentAnalyzed, DocumentLabelled
from lineal_schemas.reviews import ReviewValue

ANALYZED = "analyzed/"
"""Beginning of the keys of state under which a document's last analysis by a machine is kept."""

_LABELLED = "labelled/"


class _Labelled(BaseModel):
    """What class a document was taught to be."""

    name: str
    machine: str | None
    """What the machine had said; None where it had not analysed the document."""
    labelled_us: int


async def remember_label(label: DocumentLabelled, ctx: Context[ReviewConfig]) -> None:
    """Keep what class somebody has taught a document to be: it is an answer like those of
    reviews."""
    analysed = await ctx.state.get(f"{ANALYZED}{label.document_id}", DocumentAnalyzed)
    machine = None if analysed is None else analysed.document_class
    said = _Labelled(name=label.label, machine=machine, labelled_us=label.labelled_us)
    await ctx.state.put(f"{_LABELLED}{label.document_id}", said)


async def answers_about(subject: str, ctx: Context[ReviewConfig]) -> list[Answer]:
    """All answers that count; those that were erased are left out."""
    found: list[tuple[int, Answer]] = []
    for made in await ctx.query(partial(decisions_about, subject=subject)):
        values = []
        for sha256, role in ((made.before, BEFORE_ROLE), (made.after, AFTER_ROLE)):
            try:
                data = await ctx.objects.get(reference(sha256, 0, "application/json"), role=role)
            except ObjectMissing:
                break
            values.append(ReviewValue.model_validate_json(data))
        if len(values) == 2:
            found.append((made.decided, Answer(values[0], values[1])))
    kind, _, document_id = subject.partition(":")
    if kind == "document":
        taught = await ctx.state.get(f"{_LABELLED}{document_id}", _Labelled)
        if taught is not None:
            before = ReviewValue(document_class=taught.machine)
            answer = Answer(before, ReviewValue(document_class=taught.name))
            found.append((taught.labelled_us, answer))
    return [answer for _, answer in sorted(found, key=lambda pair: pair[0])]
