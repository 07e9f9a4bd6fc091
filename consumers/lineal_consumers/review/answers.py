"""What people have said of a subject, in the order in which they did."""

from __future__ import annotations

from functools import partial

from lineal import Context
from lineal.errors import ObjectMissing
from lineal.store.objects import reference
from lineal_catalog.reviews.correcting import Answer
from lineal_catalog.reviews.opinions import decisions_about
from lineal_catalog.reviews.projection import AFTER_ROLE, BEFORE_ROLE
from lineal_consumers.review.config import ReviewConfig
from lineal_schemas.reviews import ReviewValue


async def answers_about(subject: str, ctx: Context[ReviewConfig]) -> list[Answer]:
    """All answers that count; those that were erased are left out."""
    found = []
    for made in await ctx.query(partial(decisions_about, subject=subject)):
        values = []
        for sha256, role in ((made.before, BEFORE_ROLE), (made.after, AFTER_ROLE)):
            try:
                data = await ctx.objects.get(reference(sha256, 0, "application/json"), role=role)
            except ObjectMissing:
                break
            values.append(ReviewValue.model_validate_json(data))
        if len(values) == 2:
            found.append(Answer(values[0], values[1]))
    return found
