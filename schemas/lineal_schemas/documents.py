"""Payloads of a document's events, in the order in which they happen."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.class_evidence import ClassEvidence
from lineal_schemas.ids import document_id, rejected_document_id
from lineal_schemas.objects import ObjectRef
from lineal_schemas.parts import Part
from lineal_schemas.payload import Labels, Payload, upcaster

DocumentKind = Literal["pdf", "image", "text", "markdown", "html", "word", "sheet", "email"]
"""What a file is, by its bytes: the engine that reads it follows from this."""

PageMethod = Literal["text-layer", "ocr", "parse"]
"""How a page's text is had: from the PDF's own text layer, by recognition, or by a parser."""


Salt = Annotated[str, Field(max_length=64)]

LayerUse = Literal["ignore", "compare", "keep"]
"""What becomes of the text layer of a page that is recognised: nothing; it is kept if recognition
reads the same; or it is kept, and recognition adds what is drawn beside it."""


class DocumentArrived(Payload, type="document.arrived", version=1):
    """A file was dropped. Every arrival is an event, also of bytes that are known already."""

    name: str
    source: str
    """URI of where it came from: ``file:///inbox/a.pdf``, ``http:upload/a.pdf``."""
    tenant: str = "default"
    owner: str | None = None
    labels: Labels = {}
    content: ObjectRef | None = None
    problem: str | None = None
    """Why there is no content: unreadable, a link out of the inbox, gone before it was read."""
    parent: str | None = None
    """The id of the document that it is attached to: a mail, a PDF portfolio."""
    depth: Annotated[int, Field(ge=0)] = 0
    """How many documents lie around it: 0 for one that came by itself."""
    readers: tuple[str, ...] | None = None
    """Who may see it beside its owners, by the access list of where it came from; None: everybody
    who may read documents."""
    salt: Salt | None = None
    """Random, so that nobody can find out the name by guessing it and comparing digests. An event
    from a producer of your own should have one: see :mod:`lineal_schemas.salt`."""

    @property
    def document_id(self) -> str:
        if self.content is None:
            return rejected_document_id(self.tenant, self.source, self.problem or "no content")
        return document_id(self.tenant, self.content.sha256)

    def partition_key(self) -> str:
        return self.document_id

    def correlation_key(self) -> str:
        return f"document:{self.document_id}"


class DocumentEvent(Payload):
    """What all later events of one document have in common."""

    document_id: str

    def partition_key(self) -> str:
        return self.document_id

    def correlation_key(self) -> str:
        return f"document:{self.document_id}"


class DocumentSourceDeleted(DocumentEvent, type="document.source_deleted", version=1):
    """What a document arrived from is not there any more: it was deleted, or holds another one."""

    source: str
    """As in ``document.arrived``."""
    arrival: str
    """The id of the event with which it arrived from there last."""
    hides: bool = False
    """Whether the document is no longer found by searching, unless it arrived from elsewhere
    too."""
    replaced_by: str | None = None
    """The id of the document that is in its place, where the source was modified; None: nothing
    is."""
    salt: Salt | None = None
    """See :attr:`DocumentArrived.salt`."""


class DocumentRegistered(DocumentEvent, type="document.registered", version=1):
    """Bytes not seen before (within the tenant) have become a document."""

    name: str
    content: ObjectRef
    tenant: str = "default"
    depth: Annotated[int, Field(ge=0)] = 0
    """See :attr:`DocumentArrived.depth`."""
    salt: Salt | None = None
    """See :attr:`DocumentArrived.salt`."""


class PageRange(BaseModel):
    """Pages ``first`` to ``last`` (from 1, inclusive) and how their text is had."""

    model_config = ConfigDict(frozen=True)

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    method: PageMethod
    text_layer: LayerUse = "ignore"
    """For the method ``ocr``."""


class DocumentClassified(DocumentEvent, type="document.classified", version=1):
    """The file type is known from the bytes, and page by page how to get at the text."""

    name: str
    content: ObjectRef
    """The original bytes; ``media_type`` is now the detected one."""
    kind: DocumentKind
    pages: Annotated[int, Field(ge=1)]
    plan: tuple[PageRange, ...]
    tenant: str = "default"
    depth: Annotated[int, Field(ge=0)] = 0
    """See :attr:`DocumentArrived.depth`."""
    salt: Salt | None = None
    """See :attr:`DocumentArrived.salt`."""


class DocumentPartRequested(Part, type="document.part_requested", version=2):
    """A range of pages is to be read. Parts are keyed apart, so they are read in parallel."""

    group_id: str
    document_id: str
    content: ObjectRef
    kind: DocumentKind
    pages: PageRange
    plan: ObjectRef
    """All page ranges of the document, from which the following part is requested."""

    def partition_key(self) -> str:
        return f"{self.document_id}/{self.index}"

    def correlation_key(self) -> str:
        return f"document:{self.document_id}"


class DocumentPartExtracted(Part, type="document.part_extracted", version=2):
    """A range of pages has been read; ``result`` is a gzipped TextResult of these pages."""

    group_id: str
    document_id: str
    content: ObjectRef
    kind: DocumentKind
    pages: PageRange
    result: ObjectRef

    def partition_key(self) -> str:
        return self.document_id

    def correlation_key(self) -> str:
        return f"document:{self.document_id}"


class DocumentTextExtracted(DocumentEvent, type="document.text_extracted", version=1):
    """The complete text is extracted, in the renditions that ``lineal show`` exports."""

    content: ObjectRef
    kind: DocumentKind
    pages: Annotated[int, Field(ge=1)]
    text: ObjectRef
    """UTF-8 plain text in reading order; pages are separated by a form feed."""
    result: ObjectRef
    """Gzipped JSON of a :class:`lineal_schemas.results.TextResult`."""
    csv: ObjectRef | None = None
    """Key-values and tables; None where the document has neither."""
    pdf: ObjectRef | None = None
    """The searchable PDF; None for files that have no pages to look at."""


class DoubtPlace(BaseModel):
    """Where on a page something is drawn that was not read, in fractions of the page from its top
    left as it is seen upright."""

    model_config = ConfigDict(frozen=True)

    reason: str
    left: float
    top: float
    width: float
    height: float


class PageDoubt(BaseModel):
    """A page whose text should be looked at by a person, and why."""

    model_config = ConfigDict(frozen=True)

    page: Annotated[int, Field(ge=1)]
    reasons: tuple[str, ...]
    places: tuple[DoubtPlace, ...] = ()
    """Where to look, for those reasons that have a place."""


class DocumentReviewRequested(DocumentEvent, type="document.review_requested", version=1):
    """Some pages were read with doubt: by coverage, background or confidence."""

    result: ObjectRef
    doubts: tuple[PageDoubt, ...]


class DocumentAnalyzed(DocumentEvent, type="document.analyzed", version=1):
    """Language, key phrases, entities, personal data and class have been found in the text."""

    text: ObjectRef
    result: ObjectRef
    analysis: ObjectRef
    """Gzipped JSON of a :class:`lineal_schemas.results.Analysis`."""
    language: str
    """ISO 639-1 code, or ``und``."""
    document_class: str
    class_confidence: Annotated[float, Field(ge=0, le=1)]
    class_doubt: Literal["unsure", "unknown"] | None = None
    """Why a person should look at the class: at the stated rate of errors the model is not sure
    enough, or the document is like none that was taught. None also where no such model decides."""
    class_evidence: ClassEvidence | None = None
    """Of a class that the model is sure of, where too few answers show how often that is right."""
    personal_data: bool
    media_type: str | None = None
    """Of the original bytes, as detected."""
    content: ObjectRef | None = None
    """The original bytes; None in events of earlier versions."""


class DocumentLabelled(DocumentEvent, type="document.labelled", version=1):
    """A person has said what kind of document it is: an example to learn from."""

    label: Annotated[str, Field(min_length=1, max_length=100)]
    """The class. Labelling a document again replaces its label."""
    text: ObjectRef
    """What is learnt from: its text as it was extracted."""
    result: ObjectRef | None = None
    """And where on its pages the words stand: gzipped JSON of a TextResult."""
    by: str
    labelled_us: Annotated[int, Field(ge=0)]
    withdrawn: bool = False
    """It is an example no longer, whatever its label: it is not learnt from any more."""


Fraction = Annotated[float, Field(ge=0, le=1)]


class PageBox(BaseModel):
    """A part of a page, in fractions of its size from the top left as it is seen."""

    model_config = ConfigDict(frozen=True)

    page: Annotated[int, Field(ge=1)]
    left: Fraction
    top: Fraction
    width: Fraction
    height: Fraction


Words = tuple[Annotated[str, Field(min_length=1, max_length=500)], ...]


class DocumentRedactionRequested(DocumentEvent, type="document.redaction_requested", version=1):
    """A person asks for a copy of a document without what they name. The original stays."""

    personal: bool = False
    """All that was found to be personal data."""
    types: Words = ()
    """Types of entities: ``EMAIL``, ``IBAN``, ``PERSON``, ..."""
    words: Words = ()
    """Texts, wherever they stand as whole words, whatever their case."""
    fields: Words = ()
    """Names of fields, with ``*`` and ``?``: their values."""
    boxes: tuple[PageBox, ...] = ()
    pseudonyms: bool = False
    """In a text, ``[PERSON-1]`` instead of blocks: the same name for the same text."""
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: str
    requested_us: Annotated[int, Field(ge=0)]
    salt: Salt | None = None
    """See :attr:`DocumentArrived.salt`."""


class DocumentRedacted(DocumentEvent, type="document.redacted", version=1):
    """There is a copy in which nothing of what was named is found any more, or none, and why."""

    content: ObjectRef | None = None
    """The copy."""
    problem: str | None = None
    """Why there is none."""
    places: Annotated[int, Field(ge=0)] = 0
    """How many places were to go."""
    by: str


class DocumentIndexed(DocumentEvent, type="document.indexed", version=1):
    """The document can be found by searching."""

    pages: Annotated[int, Field(ge=0)]
    """How many pages with text are in the index."""


@upcaster("document.part_requested", from_version=1)
def _part_requested_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _named_by_group(fields)


@upcaster("document.part_extracted", from_version=1)
def _part_extracted_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _named_by_group(fields)


def _named_by_group(fields: dict[str, Any]) -> dict[str, Any]:
    return {("group_id" if key == "whole" else key): fields[key] for key in fields}
