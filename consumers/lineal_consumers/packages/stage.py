"""The stages of packages: documents are gathered by their case, and each case is checked."""

from __future__ import annotations

from functools import partial

from lineal import Context, Reject, stage
from lineal.store.objects import reference
from lineal_catalog.reviews.opinions import opinions_of
from lineal_consumers.packages.checking import Member
from lineal_consumers.packages.config import PackagesConfig
from lineal_consumers.packages.evaluating import (
    KIND,
    REPORT_ROLE,
    TARGET,
    PackageState,
    evaluate,
    key_of,
    member_key,
    note,
    state_of,
)
from lineal_consumers.packages.membership import (
    gather,
    known_document,
    pages_missing_of,
    predicted_cases,
    values_of,
)
from lineal_schemas.documents import DocumentAnalyzed, DocumentArrived, DocumentSourceDeleted
from lineal_schemas.fields import DocumentFieldsExtracted
from lineal_schemas.packages import (
    PackageChanged,
    PackageCheckRequested,
    PackageCompleted,
    PackageContradiction,
    PackageContradictionResolved,
    PackageDeclined,
    PackageDocumentAdded,
    PackageDocumentRemoved,
    PackageDue,
    PackageEvent,
    PackageIncomplete,
    PackagePassed,
    PackageReport,
    PackageRiskPredicted,
    PackageScored,
)
from lineal_schemas.payload import Payload
from lineal_schemas.reviews import ReviewCompleted, ReviewRequested, ReviewValue, ReviewWithdrawn
from lineal_schemas.tables import PredictionMade

_NO_PACKAGES = "no packages are declared: packages/NAME.toml"


@stage(
    "packages.gather",
    version="2",
    produces=(PackageDocumentAdded, PackageDocumentRemoved, PackageRiskPredicted),
    section="packages",
    memo=False,
)
async def gather_documents(arrived: DocumentArrived, ctx: Context[PackagesConfig]) -> list[Payload]:
    """Take a document's labels, which say to which case it belongs."""
    if not ctx.config.packages:
        ctx.skip(_NO_PACKAGES)
        return []
    if arrived.content is None:
        ctx.skip("there is no document")
        return []
    labels = arrived.labels
    if arrived.parent is not None:
        # What was cut out of a file, or was attached to it, belongs to the same case.
        labels = {**(await known_document(arrived.parent, ctx)).labels, **labels}
    known = await known_document(arrived.document_id, ctx)
    changed = known.model_copy(
        update={"labels": {**known.labels, **labels}, "name": arrived.name, "gone": False}
    )
    return await gather(arrived.document_id, changed, ctx)


@gather_documents.on
async def analyzed(document: DocumentAnalyzed, ctx: Context[PackagesConfig]) -> list[Payload]:
    """Take a document's class."""
    if not ctx.config.packages:
        ctx.skip(_NO_PACKAGES)
        return []
    known = await known_document(document.document_id, ctx)
    update: dict[str, object] = {
        "document_class": document.document_class,
        "text": document.text.sha256,
        "missing_pages": await pages_missing_of(document.text, ctx),
    }
    if known.document_class != document.document_class:
        update |= {"fields": None, "values": {}}  # of the new class others follow
    return await gather(document.document_id, known.model_copy(update=update), ctx)


@gather_documents.on
async def extracted(
    document: DocumentFieldsExtracted, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Take a document's fields."""
    if not ctx.config.packages:
        ctx.skip(_NO_PACKAGES)
        return []
    known = await known_document(document.document_id, ctx)
    changed = known.model_copy(
        update={
            "document_class": document.document_class,
            "text": document.text.sha256,
            "missing_pages": await pages_missing_of(document.text, ctx),
            "fields": document.fields,
            "values": await values_of(document.fields, ctx),
        }
    )
    return await gather(document.document_id, changed, ctx)


@gather_documents.on
async def source_deleted(
    deletion: DocumentSourceDeleted, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Take out a document whose source is gone; what is in its place belongs to its case."""
    known = await known_document(deletion.document_id, ctx)
    if not ctx.config.packages or not deletion.hides:
        ctx.skip("it is there still, or no packages are declared")
        return []
    out: list[Payload] = []
    if deletion.replaced_by is not None:
        newer = await known_document(deletion.replaced_by, ctx)
        inherited = newer.model_copy(update={"labels": {**known.labels, **newer.labels}})
        out += await gather(deletion.replaced_by, inherited, ctx)
    return [*out, *await gather(deletion.document_id, known.model_copy(update={"gone": True}), ctx)]


@gather_documents.on
async def predicted(
    prediction: PredictionMade, ctx: Context[PackagesConfig]
) -> list[PackageRiskPredicted]:
    """Hand on what a model of a table says of cases."""
    made = await predicted_cases(prediction, ctx)
    if not made:
        ctx.skip("no package is scored by this table, or none of its cases is known")
    return made


@stage(
    "packages",
    version="2",
    produces=(
        PackageChanged,
        PackageCompleted,
        PackageContradiction,
        PackageContradictionResolved,
        PackageDeclined,
        PackageIncomplete,
        PackagePassed,
        PackageScored,
        ReviewRequested,
        ReviewWithdrawn,
    ),
    memo=False,
)
async def packages(added: PackageDocumentAdded, ctx: Context[PackagesConfig]) -> list[Payload]:
    """Put a document into its package; it is checked next, as a step about the package."""
    if _is_undeclared(added, ctx):
        return []
    key = member_key(added, added.document_id)
    known = await ctx.state.get(key, Member)
    member = Member(
        document_id=added.document_id,
        document_class=added.document_class,
        name=added.name,
        fields=added.fields,
        values=added.values,
        text=added.text,
        missing_pages=added.missing_pages,
        supersedes=added.supersedes,
        added_us=ctx.now() if known is None else known.added_us,
    )
    if member == known:
        ctx.skip("nothing is new about the document")
        return []
    await ctx.state.put(key, member)
    ctx.record_kind = KIND
    ctx.annotate(act="add", package=added.package, case=added.case)
    return [PackageChanged(package=added.package, case=added.case, document_id=added.document_id)]


@packages.on
async def removed(
    removal: PackageDocumentRemoved, ctx: Context[PackagesConfig]
) -> list[PackageChanged]:
    """Take a document out of its package."""
    await ctx.state.delete(member_key(removal, removal.document_id))
    ctx.record_kind = KIND
    ctx.annotate(act="remove", package=removal.package, case=removal.case)
    return [
        PackageChanged(package=removal.package, case=removal.case, document_id=removal.document_id)
    ]


@packages.on
async def changed(change: PackageChanged, ctx: Context[PackagesConfig]) -> list[Payload]:
    """Check a package because of one of its documents."""
    ctx.annotate(document=change.document_id)
    return await _checked(change, ctx)


@packages.on
async def check_requested(
    request: PackageCheckRequested, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Check a package as it stands now: a document was erased, or its file changed."""
    return await _checked(request, ctx)


@packages.on
async def due(timer: PackageDue, ctx: Context[PackagesConfig]) -> list[Payload]:
    """Check a package when its documents should be there."""
    if _is_undeclared(timer, ctx):
        return []
    state = await state_of(timer, ctx)
    return await evaluate(timer, state.model_copy(update={"is_due": True}), ctx)


@packages.on
async def risk_predicted(
    prediction: PackageRiskPredicted, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Take what a model says of the case into its risk."""
    if _is_undeclared(prediction, ctx):
        return []
    state = await state_of(prediction, ctx)
    return await evaluate(prediction, state.model_copy(update={"predicted": prediction}), ctx)


async def _checked(event: PackageEvent, ctx: Context[PackagesConfig]) -> list[Payload]:
    if _is_undeclared(event, ctx):
        return []
    return await evaluate(event, await state_of(event, ctx), ctx)


def _is_undeclared(event: PackageEvent, ctx: Context[PackagesConfig]) -> bool:
    if event.package in ctx.config.packages:
        return False
    ctx.skip(f"no package {event.package} is declared: packages/{event.package}.toml")
    return True


@packages.on
async def answered(
    answer: ReviewCompleted, ctx: Context[PackagesConfig]
) -> PackagePassed | PackageDeclined | None:
    """Accept a package, or decline it, as a person has said."""
    name, _, case = answer.subject.removeprefix("package:").partition("/")
    if answer.target != TARGET or not case:
        ctx.skip("it is about something else")
        return None
    event_id = ctx.event.id
    known = await ctx.query(partial(opinions_of, item_id=answer.item))
    if all(made.event_id != event_id for made in known):
        raise Reject("nobody has given this answer: `lineal review complete` does")
    value = ReviewValue.model_validate_json(await ctx.objects.get(answer.after, role="answer"))
    if value.verdict is None:
        raise Reject("the answer does not say whether the package passes: --verdict normal")
    event = PackageEvent(package=name, case=case)
    state = await ctx.state.get(key_of(event), PackageState)
    if state is None or state.report is None or state.decided != answer.basis:
        ctx.skip("the package has changed since: it is decided anew")
        return None
    data = await ctx.objects.get(reference(state.report, 0, "application/json"), role=REPORT_ROLE)
    status = "passed" if value.verdict == "normal" else "declined"
    report = PackageReport.model_validate_json(data).model_copy(update={"status": status})
    stored = await ctx.objects.put(
        report.model_dump_json().encode(), "application/json", role=REPORT_ROLE
    )
    kept = state.model_copy(update={"status": status, "report": stored.sha256})
    await ctx.state.put(key_of(event), kept)
    note(event, report, ctx)
    if status == "passed":
        return PackagePassed(package=name, case=case, report=answer.basis, by=answer.by)
    return PackageDeclined(package=name, case=case, report=answer.basis, by=answer.by)
