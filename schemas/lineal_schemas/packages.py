"""Packages: the documents of one case, as of a loan, gathered as they come and checked together.

Events about a package hold no values of its documents: they say in which document, field and place
a value stands, so that a document can be erased and what was said of its package stays.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.documents import PageBox, Salt
from lineal_schemas.fields import FieldName
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros

PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Which kind of package: what its file is called."""
CaseId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:#-]{0,99}$")]
"""Which case, as ``LOAN-17``. It stands in the ledger: no name of a person."""
Score = Annotated[float, Field(ge=0, le=1)]


class PackageEvent(Payload):
    """What all events of one package have in common."""

    package: PackageName
    case: CaseId

    def partition_key(self) -> str:
        return f"{self.package}/{self.case}"

    def correlation_key(self) -> str:
        return f"package:{self.package}/{self.case}"


class PackageValue(BaseModel):
    """The value of a field of a document, and where it stands."""

    model_config = ConfigDict(frozen=True)

    value: str
    """Normalised: an ISO date, an amount with a decimal point."""
    box: PageBox | None = None


class _DocumentOfPackage(PackageEvent):
    """About a document: it is erased with the document, and handled in the order of its case."""

    document_id: str

    def correlation_key(self) -> str:
        return f"document:{self.document_id}"


class PackageDocumentAdded(_DocumentOfPackage, type="package.document_added", version=1):
    """A document belongs to a package, or what is known of it has changed."""

    document_class: str
    name: str = ""
    fields: ObjectRef | None = None
    """JSON of a :class:`~lineal_schemas.fields.FieldValues`; None: none were extracted yet."""
    values: dict[str, PackageValue] = {}
    text: Sha256 | None = None
    """Digest of its text: documents of the same text count once."""
    missing_pages: tuple[int, ...] = ()
    """By the numbers of the pages that are there."""
    supersedes: str = ""
    """Id, beginning of the id, or name of the document that this one replaces."""
    salt: Salt | None = None
    """See :attr:`~lineal_schemas.documents.DocumentArrived.salt`."""


class PackageDocumentRemoved(_DocumentOfPackage, type="package.document_removed", version=1):
    """A document belongs to a package no longer."""

    reason: Literal["moved", "replaced", "deleted"]


class PackageChanged(PackageEvent, type="package.changed", version=1):
    """A document of the package is new, different or gone: it is to be checked."""

    document_id: str


class PackageCheckRequested(PackageEvent, type="package.check_requested", version=1):
    """Somebody asks for a package to be checked as it stands now."""

    by: str
    requested_us: Micros


class PackageDue(PackageEvent, type="package.due", version=1):
    """Its documents should be there by now."""


class ValuePlace(BaseModel):
    """Where a value stands."""

    model_config = ConfigDict(frozen=True)

    document_id: str
    document_class: str
    field: FieldName
    box: PageBox | None = None
    fields: ObjectRef | None = None
    """The extracted fields, which have the value."""


class MissingPart(BaseModel):
    """Documents of a class that are not there, or a field or pages that a document does not
    have."""

    model_config = ConfigDict(frozen=True)

    document_class: str
    count: Annotated[int, Field(ge=1)] = 1
    """How many documents, or pages; of a field 1."""
    field: FieldName | None = None
    document_id: str | None = None
    """Which document lacks the field or the pages; None: documents are missing."""
    pages: tuple[int, ...] = ()
    """Numbers of the pages that the document lacks, as its other pages count them."""


class PackageIncomplete(PackageEvent, type="package.incomplete", version=1):
    """The time is up, and something is missing; said again when it is something else."""

    missing: Annotated[tuple[MissingPart, ...], Field(min_length=1)]
    due_us: Micros


class BrokenRule(BaseModel):
    """A rule of a package that does not hold."""

    model_config = ConfigDict(frozen=True)

    rule: str
    """As the file of the package calls it; ``documents.CLASS``: too many of a class."""
    reason: str
    """What has to hold, without the values."""
    documents: tuple[str, ...]
    """Ids."""
    places: tuple[ValuePlace, ...] = ()


class PackageContradiction(PackageEvent, type="package.contradiction", version=1):
    """Values of documents break a rule of the package, or there are too many of a class."""

    broken: BrokenRule


class PackageContradictionResolved(PackageEvent, type="package.contradiction_resolved", version=1):
    """A rule that was broken holds now, or cannot be looked at any more."""

    rule: str


class PackageCompleted(PackageEvent, type="package.completed", version=1):
    """All that is needed is there; said again after it was not."""

    documents: tuple[str, ...]
    """Ids of those that count: neither replaced nor duplicates."""
    contradictions: tuple[str, ...] = ()
    """Rules that are broken."""


class RiskReason(BaseModel):
    """What adds to the risk of a package."""

    model_config = ConfigDict(frozen=True)

    reason: str
    weight: Score


class PackageRiskPredicted(PackageEvent, type="package.risk_predicted", version=1):
    """A model of a table has scored the case."""

    value: Score
    reasons: tuple[str, ...] = ()
    """Features that moved it most."""
    model: ModelRef


class PackageScored(PackageEvent, type="package.scored", version=1):
    """The risk of a package, and why."""

    score: Score
    reasons: tuple[RiskReason, ...]
    high: bool
    """Whether a person has to look at it."""
    report: Sha256
    """Digest of the report that was scored: documents, what is missing and what contradicts."""
    model: ModelRef | None = None


class PackagePassed(PackageEvent, type="package.passed", version=1):
    """A package is accepted: its risk is low, or a person has said so."""

    report: Sha256
    by: str | None = None
    """Who; None: by its risk."""


class PackageDeclined(PackageEvent, type="package.declined", version=1):
    """A person has not accepted a package."""

    report: Sha256
    by: str


PackageStatus = Literal["open", "incomplete", "review", "passed", "declined"]


class PackageDocument(BaseModel):
    """A document of a package, in its report."""

    model_config = ConfigDict(frozen=True)

    document_id: str
    document_class: str
    fields: ObjectRef | None = None
    counts: bool = True
    """Whether it counts."""
    why_not: Literal["replaced", "duplicate", "other class", "no fields"] | None = None
    """``other class``: of one that the package does not need; ``no fields``: those that its rules
    need were not extracted yet."""


class PackageReport(BaseModel):
    """How a package stands; stored as JSON."""

    model_config = ConfigDict(frozen=True)

    package: PackageName
    case: CaseId
    status: PackageStatus
    documents: tuple[PackageDocument, ...]
    missing: tuple[MissingPart, ...]
    contradictions: tuple[BrokenRule, ...]
    score: Score | None = None
    """None: nothing is due yet."""
    reasons: tuple[RiskReason, ...] = ()
    due_us: Micros
