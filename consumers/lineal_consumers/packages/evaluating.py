"""Checks a package as it stands now, and says what has changed since it was said last."""

from __future__ import annotations

from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from lineal import Context
from lineal_consumers.packages.checking import Findings, Member, Risk, check, named, score
from lineal_consumers.packages.config import PackagesConfig
from lineal_consumers.packages.definition import PackageDefinition
from lineal_schemas.packages import (
    BrokenRule,
    MissingPart,
    PackageCompleted,
    PackageContradiction,
    PackageContradictionResolved,
    PackageDue,
    PackageEvent,
    PackageIncomplete,
    PackagePassed,
    PackageReport,
    PackageRiskPredicted,
    PackageScored,
    PackageStatus,
)
from lineal_schemas.payload import Payload
from lineal_schemas.reviews import ReviewPlace, ReviewRequested, ReviewWithdrawn

KIND = "package"
"""Kind of the records."""
REPORT_ROLE = "package_report"
TARGET = "package"
"""What a person is asked to look at."""
MEMBER, STATE = "member/", "case/"
"""Beginnings of keys of state. A member's key ends with its document's id: it is erased with it."""
_PPM = 1_000_000
_MAX_PLACES = 50


class PackageState(BaseModel):
    """What was said of a package so far."""

    model_config = ConfigDict(frozen=True)

    due_us: int
    is_due: bool = False
    """Whether what is missing is said: the time is up, or nothing was missing once."""
    completed: bool = False
    missing: tuple[MissingPart, ...] = ()
    """As it was said last."""
    broken: tuple[BrokenRule, ...] = ()
    predicted: PackageRiskPredicted | None = None
    decided: str | None = None
    """Digest of the findings with which it passed, or a person was asked."""
    status: PackageStatus = "open"
    report: str | None = None


def key_of(event: PackageEvent) -> str:
    """The key under which the state of a package stands."""
    return f"{STATE}{event.partition_key()}"


def member_key(event: PackageEvent, document_id: str) -> str:
    """The key under which a document of a package stands."""
    return f"{MEMBER}{event.partition_key()}/{document_id}"


async def state_of(event: PackageEvent, ctx: Context[PackagesConfig]) -> PackageState:
    """What was said of a package; of a new one, nothing, and the timer of its due time is set."""
    known = await ctx.state.get(key_of(event), PackageState)
    if known is not None:
        return known
    seconds = ctx.config.packages[event.package].case.due.total_seconds()
    due_us = ctx.now() + round(seconds * 1_000_000)
    ctx.timers.set(
        f"due {event.partition_key()}", due_us, PackageDue(package=event.package, case=event.case)
    )
    return PackageState(due_us=due_us)


async def evaluate(
    event: PackageEvent, state: PackageState, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Check a package, keep its report, and say what has changed."""
    definition = ctx.config.packages[event.package]
    prefix = member_key(event, "")
    members = [one for _, one in await ctx.state.items(prefix, Member)]
    findings = check(definition, members)
    out = _contradictions(event, state, findings)
    complete = not findings.missing
    # Pages do not come by themselves: where nothing else is missing, that is said at once.
    pages_alone = not complete and all(part.pages for part in findings.missing)
    settled = complete or state.is_due or pages_alone
    status: PackageStatus = state.status
    if complete and not state.completed:
        current = tuple(one.document_id for one in findings.documents if one.counts)
        broken = tuple(one.rule for one in findings.broken)
        out.append(
            PackageCompleted(
                package=event.package, case=event.case, documents=current, contradictions=broken
            )
        )
    elif not complete and settled and findings.missing != state.missing:
        out.append(
            PackageIncomplete(
                package=event.package, case=event.case, missing=findings.missing,
                due_us=state.due_us,
            )
        )  # fmt: skip
    risk = score(definition, members, findings, state.predicted) if settled else None
    decided = state.decided
    if risk is not None:
        basis = _basis(findings, risk)
        if basis != state.decided or status == "open":
            status = _status(definition, risk, complete)
            decided = basis
            if state.status == "review" and state.decided is not None and status != "review":
                out.append(
                    ReviewWithdrawn(
                        subject=event.correlation_key(), target=TARGET, basis=state.decided
                    )
                )
            out += _decision(event, state, findings, risk, status, basis)
    report = PackageReport(
        package=event.package,
        case=event.case,
        status=status,
        documents=findings.documents,
        missing=findings.missing,
        contradictions=findings.broken,
        score=None if risk is None else risk.score,
        reasons=() if risk is None else risk.reasons,
        due_us=state.due_us,
    )
    stored = await ctx.objects.put(
        report.model_dump_json().encode(), "application/json", role=REPORT_ROLE
    )
    changed = state.model_copy(
        update={
            "is_due": settled,
            "completed": complete,
            "missing": findings.missing if settled else (),
            "broken": findings.broken,
            "decided": decided,
            "status": status,
            "report": stored.sha256,
        }
    )
    await ctx.state.put(key_of(event), changed)
    note(event, report, ctx)
    return out


def note(event: PackageEvent, report: PackageReport, ctx: Context[PackagesConfig]) -> None:
    """Say in the record how a package stands, for the list of packages."""
    ctx.record_kind = KIND
    ctx.annotate(
        package=event.package,
        case=event.case,
        status=report.status,
        documents=sum(one.counts for one in report.documents),
        missing=len(report.missing),
        contradictions=len(report.contradictions),
        score_ppm=-1 if report.score is None else round(report.score * _PPM),
    )


def _contradictions(event: PackageEvent, state: PackageState, findings: Findings) -> list[Payload]:
    """What contradicts now and was not said, and what was said and does not any more."""
    now = {one.rule for one in findings.broken}
    out: list[Payload] = [
        PackageContradiction(package=event.package, case=event.case, broken=one)
        for one in findings.broken
        if one not in state.broken
    ]
    out += [
        PackageContradictionResolved(package=event.package, case=event.case, rule=one.rule)
        for one in state.broken
        if one.rule not in now
    ]
    return out


def _basis(findings: Findings, risk: Risk) -> str:
    """Digest of what is decided about: another one is decided anew."""
    said = [
        *(one.model_dump_json() for one in findings.documents if one.counts),
        *(
            one.model_dump_json(exclude=None if one.pages else {"pages"})
            for one in findings.missing
        ),
        *(one.model_dump_json() for one in findings.broken),
        str(risk.score),
    ]
    return sha256("\n".join(said).encode()).hexdigest()


def _status(definition: PackageDefinition, risk: Risk, complete: bool) -> PackageStatus:
    if risk.score >= definition.risk.review_from:
        return "review"
    return "passed" if complete else "incomplete"


def _decision(
    event: PackageEvent,
    state: PackageState,
    findings: Findings,
    risk: Risk,
    status: PackageStatus,
    basis: str,
) -> list[Payload]:
    """The score, and what follows from it: the package passes, a person is asked, or it waits."""
    model = state.predicted.model if state.predicted is not None else None
    package, case = event.package, event.case
    out: list[Payload] = [
        PackageScored(
            package=package, case=case, score=risk.score, reasons=risk.reasons,
            high=status == "review", report=basis, model=model,
        )
    ]  # fmt: skip
    if status == "passed":
        out.append(PackagePassed(package=package, case=case, report=basis))
    elif status == "review":
        out.append(
            ReviewRequested(
                subject=event.correlation_key(),
                target=TARGET,
                basis=basis,
                reason="risk",
                confidence=round(1 - risk.score, 6),
                places=tuple(_review_places(findings)),
            )
        )
    return out


def _review_places(findings: Findings) -> list[ReviewPlace]:
    places = [
        ReviewPlace(
            page=1 if place.box is None else place.box.page,
            reason=f"{one.rule}: {place.document_class}.{place.field} of {place.document_id}",
        )
        for one in findings.broken
        for place in one.places
    ]
    for part in findings.missing:
        of = "" if part.document_id is None else f" of {part.document_id}"
        places.append(ReviewPlace(page=1, reason=f"missing: {named(part)}{of}"))
    return places[:_MAX_PLACES]
