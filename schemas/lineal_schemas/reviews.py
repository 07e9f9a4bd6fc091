"""Reviews: what a machine asks a person to look at, and what the person says.

An item is one thing to look at: a part of one subject in one machine-made form. The values before
and after are objects in the store, named by digest, each with a salt: the ledger keeps commitments,
and the contents can be erased.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.anomalies import FaultName
from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.ids import review_item_id
from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.payload import Payload
from lineal_schemas.results import Box

ReviewTarget = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
"""What is looked at. Ours are ``text``, ``class``, ``fields``, ``tables``, ``redaction``,
``anomaly``, ``package`` and ``split``; a package of your own may have others."""

ReviewReason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
"""Why. Ours are ``doubt`` (something on a page was not read), ``confidence`` (too low),
``unknown`` (like no class that was taught), ``boundary`` (one document or two), ``audit``
(a confident one, drawn by chance), ``conflict`` (a replay differs from what a person said),
``anomaly``, ``lasting`` (an anomaly that does not end), ``risk`` (of a package) and ``asked`` (a
person wants it)."""

Verdict = Literal["anomaly", "normal"]

MAX_TEXT = 4_000_000
"""Characters of a page."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageText(_Value):
    """The text of a page."""

    page: Annotated[int, Field(ge=1)]
    text: Annotated[str, Field(max_length=MAX_TEXT)]


class FieldValue(_Value):
    """A labelled value of a form."""

    page: Annotated[int, Field(ge=1)] = 1
    key: Annotated[str, Field(min_length=1, max_length=500)]
    value: Annotated[str, Field(max_length=20_000)]


class TableRows(_Value):
    """A table of a page, all rows of the same length."""

    page: Annotated[int, Field(ge=1)]
    table: Annotated[int, Field(ge=0)]
    """Which of the page's tables, from 0."""
    rows: tuple[tuple[str, ...], ...]


class RedactionBox(_Value):
    """What is to be blackened on a page, in fractions of the page from its top left."""

    page: Annotated[int, Field(ge=1)]
    box: Box
    reason: Annotated[str, Field(max_length=200)] = ""


class ReviewValue(_Value):
    """What is said of a subject; parts that nothing is said of are left out."""

    document_class: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    pages: tuple[PageText, ...] = ()
    fields: tuple[FieldValue, ...] = ()
    tables: tuple[TableRows, ...] = ()
    redactions: tuple[RedactionBox, ...] | None = None
    """All boxes there are to be; None: nothing is said of them."""
    first_pages: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Of a file that holds several documents: the pages with which they begin."""
    verdict: Verdict | None = None
    """Of an anomaly; of a package, ``normal`` accepts it and ``anomaly`` declines it."""
    fault: FaultName | None = None
    """Of an anomaly that is one: which fault it is."""
    comment: Annotated[str, Field(max_length=2_000)] | None = None
    salt: Annotated[str, Field(max_length=64)] | None = None
    """Random, so that nobody finds out the value by guessing and comparing digests."""

    def is_same(self, other: ReviewValue) -> bool:
        """Whether both say the same; comments and salts count for nothing."""
        bare = {"comment": None, "salt": None}
        return self.model_copy(update=bare) == other.model_copy(update=bare)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return self.is_same(ReviewValue())


class ReviewPlace(_Value):
    """Where on a page to look, in fractions of the page from its top left."""

    page: Annotated[int, Field(ge=1)]
    reason: str
    box: Box | None = None


class _ReviewEvent(Payload):
    subject: Annotated[str, Field(min_length=1, max_length=300)]
    """What it is about, as ``document:ID`` or ``device:ID``."""
    target: ReviewTarget
    of: Annotated[str, Field(max_length=200)] = ""
    """Which of several of the subject: an anomaly's id; empty where there is one."""
    basis: Sha256
    """Digest of what the machine made, and a person is to look at. Another one is another item."""

    def partition_key(self) -> str:
        return self.subject.partition(":")[2] or self.subject

    def correlation_key(self) -> str:
        return self.subject

    @property
    def item(self) -> str:
        """The id of the item: the same for the same work, whoever asks and however often."""
        return review_item_id(self.subject, self.target, self.of, self.basis)


class ReviewRequested(_ReviewEvent, type="review.requested", version=1):
    """A person is to look at something."""

    reason: ReviewReason
    document_class: str | None = None
    """The class that the machine gave, by which the queue can be filtered."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    """How sure the machine was."""
    evidence: ClassEvidence | None = None
    """Where few answers show how often the machine is right: how many, before people were asked."""
    places: tuple[ReviewPlace, ...] = ()
    four_eyes: bool = False
    """Whether two people have to say the same, each without seeing the other's answer."""


class ReviewWithdrawn(_ReviewEvent, type="review.withdrawn", version=1):
    """Nobody has to look at something any more: what was asked about has changed."""


class _Decided(_ReviewEvent):
    by: str
    """Who, as the runtime has named them."""
    outcome: Literal["confirmed", "corrected"]
    """Whether the person said what the machine had said."""
    requested_us: Annotated[int, Field(ge=0)]
    decided_us: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]
    """How long the person had the item."""
    before: ObjectRef
    """JSON of a :class:`ReviewValue`: what the machine had said of the same parts."""
    after: ObjectRef
    """JSON of a :class:`ReviewValue`: what the person says."""


class ReviewOpinion(_Decided, type="review.opinion", version=1):
    """One of several people has said what they see; others have yet to."""

    number: Annotated[int, Field(ge=1)]


class ReviewCompleted(_Decided, type="review.completed", version=1):
    """An item is decided."""

    opinions: Annotated[int, Field(ge=1)] = 1
    """How many people have looked."""


class ReviewThresholdsSet(Payload, type="review.thresholds_set", version=1):
    """From which confidence on a class is believed without a person looking."""

    thresholds: dict[str, Annotated[float, Field(ge=0, le=1.01)]]
    """By class; above 1: a person looks at all of them."""
    precision: Annotated[float, Field(gt=0, le=1)]
    """The share that is to be right."""
    by: str
    set_us: Annotated[int, Field(ge=0)]

    def partition_key(self) -> str:
        return "review.thresholds"

    def correlation_key(self) -> str:
        return "review:thresholds"


class AnomalyReviewed(Payload, type="anomaly.reviewed", version=1):
    """A person has said whether an anomaly is one: what is normal may be learnt from."""

    device: str
    anomaly_id: str
    verdict: Verdict
    fault: FaultName | None = None
    """Which fault it is, where the person has said so."""
    by: str
    reviewed_us: Annotated[int, Field(ge=0)]

    def partition_key(self) -> str:
        return self.device

    def correlation_key(self) -> str:
        return f"device:{self.device}"
