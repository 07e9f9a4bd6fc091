"""Brings what people have said into readings and analyses, for the stages that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal import Context
from lineal.stages.senders import SenderNotPermitted
from lineal_catalog.documents.csv_export import CsvExport
from lineal_catalog.documents.text_layers import text_layer_writer
from lineal_catalog.reviews.correcting import Answer, Corrections, correct
from lineal_catalog.reviews.projection import AFTER_ROLE
from lineal_catalog.reviews.redaction import redaction_of
from lineal_consumers.review.answers import ANALYZED, answers_about
from lineal_consumers.review.config import ReviewConfig
from lineal_consumers.review.lasting import mark_of_answer
from lineal_schemas.documents import (
    DocumentAnalyzed,
    DocumentKind,
    DocumentLabelled,
    DocumentTextExtracted,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.results import Analysis, DocumentClass, TextResult
from lineal_schemas.reviews import (
    AnomalyReviewed,
    ReviewCompleted,
    ReviewPlace,
    ReviewRequested,
    ReviewValue,
)

EXTRACTED = "extracted/"
_CORRECTED = "corrected/"
"""Beginnings of the keys of state under which the last events of a document are kept: its reading
by a machine, and its analysis with the class that people say."""


async def apply_answer(answer: ReviewCompleted, ctx: Context[ReviewConfig]) -> list[Payload]:
    """What follows from an answer: a corrected reading or analysis, and what is to be learnt."""
    ctx.annotate(item=answer.item, outcome=answer.outcome)
    kind, _, name = answer.subject.partition(":")
    if answer.target == "anomaly" and kind == "device":
        return await _judged(answer, name, ctx)
    if kind != "document":
        return []
    answers = await answers_about(answer.subject, ctx)
    if not answers:
        return []  # erased since
    out: list[Payload] = []
    last = answers[-1].after
    read = await ctx.state.get(f"{EXTRACTED}{name}", DocumentTextExtracted)
    analysed = await ctx.state.get(f"{ANALYZED}{name}", DocumentAnalyzed)
    out += await _redaction(answer, name, ctx)
    # That a field is right is learnt from as well; other answers that agree change nothing.
    changes_reading = bool(last.fields) or (
        bool(last.pages or last.tables) and answer.outcome == "corrected"
    )
    if changes_reading and read is not None:
        out += await _corrected(read, answers, ctx, ask=False)
    if last.document_class is not None and analysed is not None:
        # A corrected reading is analysed anew; this is what holds until then.
        if answer.outcome == "corrected":
            out += await _said_now(analysed, answers, ctx)
        out.append(
            DocumentLabelled(
                document_id=name,
                label=last.document_class,
                text=analysed.text,
                result=analysed.result,
                by=answer.by,
                labelled_us=answer.decided_us,
            )
        )
    return out


async def taught_class(document_id: str, ctx: Context[ReviewConfig]) -> list[DocumentAnalyzed]:
    """What follows for a document itself when somebody teaches what class it is; nothing where it
    was not analysed yet, or is of this class already."""
    analysed = await ctx.state.get(f"{ANALYZED}{document_id}", DocumentAnalyzed)
    if analysed is None:
        return []
    return await _said_now(analysed, await answers_about(f"document:{document_id}", ctx), ctx)


async def _redaction(
    answer: ReviewCompleted, document_id: str, ctx: Context[ReviewConfig]
) -> list[Payload]:
    """A copy is asked for without the boxes that were entered, if who answered may do so now."""
    data = await ctx.objects.get(answer.after, role=AFTER_ROLE)
    wanted = redaction_of(answer, document_id, ReviewValue.model_validate_json(data))
    if wanted is None:
        return []
    try:
        await ctx.require("redact")
    except SenderNotPermitted as error:
        # The rest of the answer holds all the same; that this does not stands in the record.
        ctx.annotate(not_redacted=str(error))
        return []
    return [wanted]


async def _judged(
    answer: ReviewCompleted, device: str, ctx: Context[ReviewConfig]
) -> list[Payload]:
    data = await ctx.objects.get(answer.after, role=AFTER_ROLE)
    value = ReviewValue.model_validate_json(data)
    if value.verdict is None:
        return []
    reviewed = AnomalyReviewed(
        device=device,
        anomaly_id=answer.of,
        verdict=value.verdict,
        fault=value.fault if value.verdict == "anomaly" else None,
        by=answer.by,
        reviewed_us=answer.decided_us,
    )
    mark = await mark_of_answer(reviewed, ctx)
    return [reviewed] if mark is None else [reviewed, mark]


async def corrected_reading(
    document: DocumentTextExtracted, ctx: Context[ReviewConfig]
) -> list[DocumentTextExtracted | ReviewRequested]:
    """A new reading with all that was corrected of earlier ones, and what to ask where both differ;
    empty where nobody has corrected anything."""
    answers = await answers_about(f"document:{document.document_id}", ctx)
    if not answers:
        return []
    return await _corrected(document, answers, ctx, ask=True)


async def _corrected(
    document: DocumentTextExtracted,
    answers: Sequence[Answer],
    ctx: Context[ReviewConfig],
    *,
    ask: bool,
) -> list[DocumentTextExtracted | ReviewRequested]:
    data = await ctx.objects.get(document.result, role="result")
    made = await ctx.run(
        correct_objects, data, tuple(answers), document.kind, seconds=ctx.config.seconds
    )
    if made is None:
        return []
    text = await ctx.objects.put(made.text, document.text.media_type, role="text")
    result = await ctx.objects.put(made.result, document.result.media_type, role="result")
    csv = None
    if made.csv is not None:
        csv = await ctx.objects.put(made.csv, "text/csv", role="csv")
    ctx.annotate(corrected_pages=made.pages, conflicts=len(made.conflicts))
    pdf = await _searchable_pdf(document, data, made.result, ctx)
    out: list[DocumentTextExtracted | ReviewRequested] = [
        document.model_copy(update={"text": text, "result": result, "csv": csv, "pdf": pdf})
    ]
    if ask and made.conflicts:
        reason = "the machine reads other words here now than those a person has corrected"
        out.append(
            ReviewRequested(
                subject=f"document:{document.document_id}",
                target="text",
                basis=document.result.sha256,
                reason="conflict",
                places=tuple(ReviewPlace(page=page, reason=reason) for page in made.conflicts),
            )
        )
    return out


async def _searchable_pdf(
    document: DocumentTextExtracted, read: bytes, corrected: bytes, ctx: Context[ReviewConfig]
) -> ObjectRef | None:
    """The searchable PDF with the text that people have corrected; the one there is where nothing
    can write it, as the record then says."""
    if document.pdf is None or (write := text_layer_writer(document.kind)) is None:
        return document.pdf
    path = await ctx.objects.path(document.content)
    made = await ctx.run(
        write, str(path), document.kind, read, corrected, seconds=ctx.config.seconds
    )
    if made is None:
        ctx.annotate(pdf="not corrected: none can be written of this file")
        return document.pdf
    return await ctx.objects.put(made, document.pdf.media_type, role="pdf")


class CorrectedObjects(NamedTuple):
    """What a corrected reading is stored as."""

    text: bytes
    result: bytes
    csv: bytes | None
    pages: int
    conflicts: tuple[int, ...]


def correct_objects(
    data: bytes, answers: tuple[Answer, ...], kind: DocumentKind
) -> CorrectedObjects | None:
    """Bring answers into a stored reading; None where they change nothing of it."""
    corrections = Corrections.of(answers)
    if not corrections.changes_reading:
        return None
    result, conflicts = correct(TextResult.from_gzip(data), corrections)
    table = CsvExport(kind)
    for page in result.pages:
        table.add(page)
    places = (*corrections.fields, *corrections.tables)
    pages = len({*corrections.pages, *(page for page, _ in places)})
    return CorrectedObjects(
        result.text.encode(), result.to_gzip(), table.to_bytes(), pages, conflicts
    )


async def corrected_analysis(
    document: DocumentAnalyzed, ctx: Context[ReviewConfig]
) -> tuple[bool, list[DocumentAnalyzed | ReviewRequested]]:
    """Whether people have said what class a document has, and what follows from it for a new
    analysis: the class that they said, and a question where the machine says another one now."""
    await ctx.state.delete(f"{_CORRECTED}{document.document_id}")
    decided = Corrections.of(
        await answers_about(f"document:{document.document_id}", ctx)
    ).document_class
    if decided is None:
        return False, []
    machine, person = decided
    if document.document_class == person:
        return True, []
    out: list[DocumentAnalyzed | ReviewRequested] = [await _reclassified(document, person, ctx)]
    if machine is not None and document.document_class != machine:
        out.append(
            ReviewRequested(
                subject=f"document:{document.document_id}",
                target="class",
                basis=document.analysis.sha256,
                reason="conflict",
                document_class=document.document_class,
                confidence=document.class_confidence,
            )
        )
    return True, out


async def _said_now(
    document: DocumentAnalyzed, answers: Sequence[Answer], ctx: Context[ReviewConfig]
) -> list[DocumentAnalyzed]:
    """The analysis with the class that people say now, if those that follow have another one."""
    decided = Corrections.of(answers).document_class
    if decided is None:
        return []
    person = decided[1]
    corrected = await ctx.state.get(f"{_CORRECTED}{document.document_id}", DocumentAnalyzed)
    if person == (corrected or document).document_class:
        return []
    return [await _reclassified(document, person, ctx)]


async def _reclassified(
    document: DocumentAnalyzed, person: str, ctx: Context[ReviewConfig]
) -> DocumentAnalyzed:
    data = await ctx.objects.get(document.analysis, role="analysis")
    analysed = await ctx.run(reclassify, data, person, seconds=ctx.config.seconds)
    analysis = await ctx.objects.put(analysed, document.analysis.media_type, role="analysis")
    ctx.annotate(document_class=person)
    corrected = document.model_copy(
        update={
            "analysis": analysis,
            "document_class": person,
            "class_confidence": 1.0,
            "class_doubt": None,
            "class_evidence": None,
        }
    )
    await ctx.state.put(f"{_CORRECTED}{document.document_id}", corrected)
    return corrected


def reclassify(data: bytes, name: str) -> bytes:
    """A stored analysis with the class that a person has said."""
    analysis = Analysis.from_gzip(data)
    said = DocumentClass(
        name=name, confidence=1.0, classifier=analysis.document_class.classifier, reviewed=True
    )
    return analysis.model_copy(update={"document_class": said}).to_gzip()
