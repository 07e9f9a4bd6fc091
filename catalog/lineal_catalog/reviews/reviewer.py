"""Who reviews, and which items they may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from lineal.access.credential import Credential
from lineal.runtime import Runtime
from lineal_catalog.reviews.queries import (
    ReviewItem,
    find_review,
)

SOURCE = "lineal:review"
"""Of the events that people's acts on items make."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who works on the queue, and what they may see."""

    by: Credential
    names: Collection[str] | None = None
    """By which access lists know them; None: they see every document."""

    @property
    def actor(self) -> str:
        return self.by.actor

    @classmethod
    def of(cls, credential: Credential) -> Reviewer:
        """For somebody with a credential."""
        if credential.may("manage"):
            return cls(credential)
        return cls(credential, credential.reader_names)


async def find(runtime: Runtime, wanted: str, who: Reviewer) -> ReviewItem:
    """An item.

    Raises:
        UnknownReview
    """
    return await runtime.store.read(partial(find_review, wanted=wanted, names=who.names))
