"""Labelling jobs: people say what many things are, others verify and adjust it.

A job is a list of items and what may be said of them. A verify job asks of each label of another
job whether it is right; an adjust job has the labels of another one changed where they are wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.results import Box

LabelJobKind = Literal["label", "verify", "adjust"]
ConsensusMethod = Literal["majority", "dawid_skene"]

LabelName = Annotated[str, Field(min_length=1, max_length=100)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelItem(_Value):
    """Something to be labelled."""

    item: Annotated[str, Field(min_length=1, max_length=400)]
    """``DOCUMENT``, ``DOCUMENT#page=3``, ``photo:ID``, or ``DEVICE#t=FROM,TO`` in microseconds
    since the Unix epoch (as W3C Media Fragments write it)."""
    subject: Annotated[str, Field(min_length=1, max_length=300)]
    """What lineage calls it: ``document:ID``, ``photo:ID``, ``device:ID``."""
    width: Annotated[float, Field(ge=0)] = 0
    """Of the picture or page, in its own units; 0: not known. COCO needs it."""
    height: Annotated[float, Field(ge=0)] = 0


class LabelBox(_Value):
    """A box on a page or picture, in fractions from its top left."""

    label: LabelName
    box: Box


class LabelValue(_Value):
    """What somebody says of an item."""

    label: LabelName | None = None
    boxes: tuple[LabelBox, ...] = ()
    text: Annotated[str, Field(max_length=100_000)] | None = None
    correct: bool | None = None
    """In a verify job: whether the label it is asked about is right."""
    salt: Annotated[str, Field(max_length=64)] | None = None
    """Random, where there is text, so that nobody finds it out by comparing digests."""

    @property
    def key(self) -> str:
        """Equal for equal statements: what votes are counted by."""
        if self.correct is not None:
            return "correct" if self.correct else "wrong"
        if self.label is not None and not self.boxes and self.text is None:
            return self.label
        return self.model_dump_json(exclude_defaults=True, exclude={"salt"})


class _JobEvent(Payload):
    job: Annotated[str, Field(min_length=1, max_length=64)]

    def partition_key(self) -> str:
        return self.job

    def correlation_key(self) -> str:
        return f"label_job:{self.job}"


class LabelJobCreated(_JobEvent, type="label.job_created", version=1):
    """A labelling job was made."""

    name: str
    kind: LabelJobKind
    source_job: str | None = None
    """The job whose labels are verified or adjusted."""
    classes: tuple[str, ...] = ()
    """What may be said; empty: anything."""
    answers: Annotated[int, Field(ge=1)] = 1
    """How many people label each item."""
    items: Annotated[int, Field(ge=0)]
    known: Annotated[int, Field(ge=0)] = 0
    """How many of the items have an answer that is known, and hidden from those who label."""
    by: str


class LabelGiven(Payload, type="label.given", version=1):
    """Somebody has labelled an item."""

    job: str
    item: str
    subject: str
    by: str
    value: ObjectRef
    """JSON of a :class:`LabelValue`."""
    seconds: Annotated[float, Field(ge=0)]
    given_us: Annotated[int, Field(ge=0)]

    def partition_key(self) -> str:
        return self.subject.partition(":")[2] or self.subject

    def correlation_key(self) -> str:
        return self.subject


class LabelJobClosed(_JobEvent, type="label.job_closed", version=1):
    """A job is done: of each item one label is left."""

    method: ConsensusMethod
    items: Annotated[int, Field(ge=0)]
    resolved: Annotated[int, Field(ge=0)]
    """Items of which the people say the same, or most do."""
    agreement: float | None = None
    """Fleiss' kappa of all labels; None where it says nothing (one answer for each item)."""
    labels: ObjectRef
    """JSON of what holds: items, digests of labels, how sure, how many people."""
    by: str
