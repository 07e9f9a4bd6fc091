"""Checks the documents of a package against each other: what counts, is missing, contradicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.packages.comparing import (
    adds_up,
    all_same,
    amount,
    are_in_order,
    are_within,
)
from lineal_consumers.packages.definition import (
    FieldPath,
    PackageDefinition,
    RiskFactor,
    RuleDefinition,
    field_of_class,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.packages import (
    BrokenRule,
    MissingPart,
    PackageDocument,
    PackageRiskPredicted,
    PackageValue,
    RiskReason,
    ValuePlace,
)

MIN_BEGINNING = 6
"""Characters of an id by which a replaced document may be named."""


class Member(BaseModel):
    """A document that was gathered, and what is known of it."""

    model_config = ConfigDict(frozen=True)

    document_id: str
    document_class: str
    name: str = ""
    fields: ObjectRef | None = None
    values: dict[str, PackageValue] = {}
    text: str | None = None
    missing_pages: tuple[int, ...] = ()
    supersedes: str = ""
    added_us: int

    def replaces(self, other: Member) -> bool:
        """Whether it names another one as what it replaces."""
        named = self.supersedes.strip()
        if not named or other.document_id == self.document_id:
            return False
        begins = len(named) >= MIN_BEGINNING and other.document_id.startswith(named)
        return begins or named == other.name


class Findings(NamedTuple):
    """What was found of a package."""

    documents: tuple[PackageDocument, ...]
    missing: tuple[MissingPart, ...]
    broken: tuple[BrokenRule, ...]


class Risk(NamedTuple):
    """How risky a package is, and why."""

    score: float
    reasons: tuple[RiskReason, ...]


class _Value(NamedTuple):
    member: Member
    field: str
    value: PackageValue

    @property
    def place(self) -> ValuePlace:
        return ValuePlace(
            document_id=self.member.document_id,
            document_class=self.member.document_class,
            field=self.field,
            box=self.value.box,
            fields=self.member.fields,
        )


def check(definition: PackageDefinition, members: Sequence[Member]) -> Findings:
    """Check the documents of a package, in whatever order they came."""
    ordered = sorted(members, key=lambda one: (one.added_us, one.document_id))
    documents = tuple(_documents(definition, ordered))
    counted = {one.document_id for one in documents if one.counts}
    current = [one for one in ordered if one.document_id in counted]
    missing = tuple(_missing(definition, current))
    broken = [*_too_many(definition, current), *_broken_rules(definition, current, missing)]
    return Findings(documents, missing, tuple(broken))


def _documents(
    definition: PackageDefinition, ordered: Sequence[Member]
) -> Iterator[PackageDocument]:
    texts: set[tuple[str, str]] = set()
    for one in ordered:
        why: str | None = None
        text = (one.document_class, one.text or one.document_id)
        if _is_unread(definition, one):
            why = "no fields"
        elif _is_replaced(one, [other for other in ordered if not _is_unread(definition, other)]):
            why = "replaced"
        elif one.document_class not in definition.documents:
            why = "other class"
        elif text in texts:
            why = "duplicate"
        else:
            texts.add(text)
        yield PackageDocument.model_validate(
            {
                "document_id": one.document_id,
                "document_class": one.document_class,
                "fields": one.fields,
                "counts": why is None,
                "why_not": why,
            }
        )


def _is_unread(definition: PackageDefinition, one: Member) -> bool:
    """Whether fields that rules need were not extracted yet: until then it does not count, nor
    replace another one."""
    return one.fields is None and bool(definition.fields_of(one.document_class))


def _is_replaced(one: Member, members: Sequence[Member]) -> bool:
    """Whether another one replaces it. Of those that name each other, also in a circle, the one
    that came last is left."""
    return any(
        other.replaces(one) and not (_reaches(one, other, members) and _order(one) > _order(other))
        for other in members
    )


def _order(one: Member) -> tuple[int, str]:
    return one.added_us, one.document_id


def _reaches(one: Member, other: Member, members: Sequence[Member]) -> bool:
    """Whether what it replaces, and what that replaces, and so on, is the other one."""
    seen, ahead = {one.document_id}, [one]
    while ahead:
        at = ahead.pop()
        for member in members:
            if member.document_id not in seen and at.replaces(member):
                if member.document_id == other.document_id:
                    return True
                seen.add(member.document_id)
                ahead.append(member)
    return False


def _missing(definition: PackageDefinition, current: Sequence[Member]) -> Iterator[MissingPart]:
    for name, needed in definition.documents.items():
        there = [one for one in current if one.document_class == name]
        if len(there) < needed.min:
            yield MissingPart(document_class=name, count=needed.min - len(there))
        for one in there:
            for field in sorted(definition.fields_of(name) - one.values.keys()):
                yield MissingPart(document_class=name, field=field, document_id=one.document_id)
            if one.missing_pages:
                yield MissingPart(
                    document_class=name, count=len(one.missing_pages), pages=one.missing_pages,
                    document_id=one.document_id,
                )  # fmt: skip


def _too_many(definition: PackageDefinition, current: Sequence[Member]) -> Iterator[BrokenRule]:
    for name, needed in definition.documents.items():
        there = [one.document_id for one in current if one.document_class == name]
        if needed.max is not None and len(there) > needed.max:
            yield BrokenRule(
                rule=f"documents.{name}",
                reason=f"there are {len(there)} of the class {name}, and at most {needed.max} "
                "belong to it: one may be of another case, or replace one",
                documents=tuple(there),
            )


def _broken_rules(
    definition: PackageDefinition, current: Sequence[Member], missing: Sequence[MissingPart]
) -> Iterator[BrokenRule]:
    lacking = {one.document_class for one in missing if not one.pages}
    for name, rule in definition.rules.items():
        if rule.sum is not None and any(one.document_class in lacking for one in rule.fields):
            continue  # what is missing may be the difference
        groups = [_values(path, current) for path in _paths(rule)]
        reason = _reason(rule, groups)
        if reason is not None:
            values = [one for group in groups for one in group]
            yield BrokenRule(
                rule=name,
                reason=reason,
                documents=tuple(dict.fromkeys(one.member.document_id for one in values)),
                places=tuple(one.place for one in values),
            )


def _paths(rule: RuleDefinition) -> tuple[FieldPath, ...]:
    return rule.same or rule.dates or (*(() if rule.sum is None else (rule.sum,)), *rule.of)


def _values(path: FieldPath, current: Sequence[Member]) -> list[_Value]:
    wanted = field_of_class(path)
    return [
        _Value(one, wanted.field, one.values[wanted.field])
        for one in current
        if one.document_class == wanted.document_class and wanted.field in one.values
    ]


def _reason(rule: RuleDefinition, groups: Sequence[Sequence[_Value]]) -> str | None:
    """What does not hold; None: it does, or there is too little to say so yet."""
    texts = [[one.value.value for one in group] for group in groups]
    every = [text for group in texts for text in group]
    if rule.same:
        if len(every) > 1 and not all_same(every, rule.compare, rule.tolerance):
            return f"{', '.join(rule.same)} are to say the same {rule.compare}"
        return None
    if rule.sum is not None:
        if all(texts) and not all(adds_up(total, every[len(texts[0]) :], rule.tolerance)
                                  for total in texts[0]):  # fmt: skip
            return f"{' + '.join(rule.of)} are to add up to {rule.sum}"
        return None
    if len(every) < 2:
        return None
    if rule.within_days is not None and not are_within(every, rule.within_days):
        return f"{', '.join(rule.dates)} are to be within {rule.within_days} days"
    if rule.in_order and not are_in_order(texts):
        return f"{', '.join(rule.dates)} are to be in this order"
    return None


def score(
    definition: PackageDefinition,
    members: Sequence[Member],
    findings: Findings,
    predicted: PackageRiskPredicted | None,
) -> Risk:
    """The risk of a package: weights add up, at most to 1; a prediction that is higher holds."""
    reasons = []
    for broken in findings.broken:
        rule = definition.rules.get(broken.rule)
        weight = definition.risk.missing if rule is None else rule.weight
        reasons.append(RiskReason(reason=f"{broken.rule}: {broken.reason}", weight=weight))
    for part in findings.missing:
        # Pages of one document weigh as much as the document.
        count = 1 if part.pages else part.count
        weight = min(1.0, definition.risk.missing * count)
        reasons.append(RiskReason(reason=f"{named(part)} missing", weight=weight))
    counted = {one.document_id for one in findings.documents if one.counts}
    current = [one for one in members if one.document_id in counted]
    for factor in definition.risk.factors.values():
        if any(_applies(factor, one.value.value) for one in _values(factor.field, current)):
            reasons.append(RiskReason(reason=factor.reason, weight=factor.weight))
    total = min(1.0, sum(one.weight for one in reasons))
    if predicted is not None:
        moved = f": {', '.join(predicted.reasons)}" if predicted.reasons else ""
        reason = f"the model {predicted.model.name} predicts it{moved}"
        reasons.append(RiskReason(reason=reason, weight=predicted.value))
        total = max(total, predicted.value)
    return Risk(round(total, 6), tuple(reasons))


def named(part: MissingPart) -> str:
    """What is missing, in words: ``2 payslip``, ``1 contract.date``, ``page 2 of contract``."""
    if part.pages:
        numbers = ", ".join(map(str, part.pages))
        return f"page{'s' if len(part.pages) > 1 else ''} {numbers} of {part.document_class}"
    what = part.document_class if part.field is None else f"{part.document_class}.{part.field}"
    return f"{part.count} {what}"


def _applies(factor: RiskFactor, text: str) -> bool:
    if factor.equals is not None and text.casefold() == factor.equals.casefold():
        return True
    found = amount(text)
    if found is None:
        return False
    above = factor.above is not None and found > factor.above
    return above or (factor.below is not None and found < factor.below)
