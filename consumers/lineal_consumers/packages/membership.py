"""Finds out to which packages a document belongs, from its labels and fields, as it comes."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lineal import Context
from lineal_consumers.packages.config import PackagesConfig
from lineal_consumers.packages.definition import PackageDefinition
from lineal_consumers.packages.page_numbers import missing_pages
from lineal_schemas.fields import FieldValues
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.packages import (
    CaseId,
    PackageDocumentAdded,
    PackageDocumentRemoved,
    PackageRiskPredicted,
    PackageValue,
)
from lineal_schemas.payload import Payload
from lineal_schemas.salt import new_salt
from lineal_schemas.tables import PredictionMade

DOCUMENT, CASE = "document/", "case/"
"""Beginnings of keys of state: what is known of a document, and cases with documents."""
SUPERSEDES = "supersedes"
"""Label that names the document which this one replaces."""
_CASE_ID: TypeAdapter[str] = TypeAdapter(CaseId)


class PackageCase(NamedTuple):
    """A package that a document was put into."""

    package: str
    case: str


class KnownDocument(BaseModel):
    """What is known of a document, whatever came first."""

    model_config = ConfigDict(frozen=True)

    labels: dict[str, str] = {}
    name: str = ""
    document_class: str | None = None
    """None: it is not analysed yet."""
    text: str | None = None
    missing_pages: tuple[int, ...] = ()
    fields: ObjectRef | None = None
    values: dict[str, PackageValue] = {}
    packages: tuple[PackageCase, ...] = ()
    gone: bool = False
    """Whether its source was deleted, or holds another document."""


async def known_document(document_id: str, ctx: Context[PackagesConfig]) -> KnownDocument:
    """What is known of a document so far."""
    return await ctx.state.get(DOCUMENT + document_id, KnownDocument) or KnownDocument()


async def pages_missing_of(text: ObjectRef, ctx: Context[PackagesConfig]) -> tuple[int, ...]:
    """The pages that a document lacks, by the numbers of those that are there."""
    return missing_pages((await ctx.objects.get(text, role="text")).decode(errors="replace"))


async def values_of(fields: ObjectRef, ctx: Context[PackagesConfig]) -> dict[str, PackageValue]:
    """The values of extracted fields that were found, with their places."""
    found = FieldValues.model_validate_json(await ctx.objects.get(fields, role="fields"))
    return {
        one.name: PackageValue(value=one.value, box=one.box)
        for one in found.fields
        if one.value is not None
    }


def cases_of(known: KnownDocument, packages: dict[str, PackageDefinition]) -> list[PackageCase]:
    """The cases that a document belongs to. A class that no package declares belongs to every one
    whose label it has: it may be of another class than the machine thinks."""
    if known.document_class is None or known.gone:
        return []
    found: dict[str, PackageCase] = {}
    for name, package in packages.items():
        case = known.labels.get(package.case.label or "")
        if case is None and package.case.field in known.values:
            case = known.values[package.case.field].value
        if case is not None:
            found[name] = PackageCase(name, case.strip())
    declaring = [
        one for name, one in found.items() if known.document_class in packages[name].documents
    ]
    return declaring or [
        one for name, one in found.items() if (packages[name].case.label or "") in known.labels
    ]


async def gather(
    document_id: str, known: KnownDocument, ctx: Context[PackagesConfig]
) -> list[Payload]:
    """Keep what is known of a document, and say into which packages it comes, and which it
    leaves."""
    out: list[Payload] = []
    cases = []
    nameless = None
    for one in cases_of(known, ctx.config.packages):
        try:
            _CASE_ID.validate_python(one.case)
        except ValidationError:
            nameless = one.package
            continue
        cases.append(one)
    for left in known.packages:
        if left not in cases:
            out.append(
                PackageDocumentRemoved(
                    package=left.package, case=left.case, document_id=document_id,
                    reason="deleted" if known.gone else "moved",
                )
            )  # fmt: skip
    for one in cases:
        out.append(
            PackageDocumentAdded(
                package=one.package,
                case=one.case,
                document_id=document_id,
                document_class=known.document_class or "",
                name=known.name,
                fields=known.fields,
                values=known.values,
                text=known.text,
                missing_pages=known.missing_pages,
                supersedes=known.labels.get(SUPERSEDES, ""),
                salt=new_salt(),
            )
        )
        await ctx.state.put(f"{CASE}{one.package}/{one.case}", 1)
    kept = known.model_copy(update={"packages": tuple(cases)})
    await ctx.state.put(DOCUMENT + document_id, kept)
    if nameless is not None and not out:
        ctx.skip(
            f"its case has no usable name for the package {nameless}: letters, digits and "
            "_ . : # - are, at most 100"
        )
    elif not out:
        ctx.skip("it belongs to no package, or is not analysed yet")
    return out


class _Prediction(NamedTuple):
    entity: str
    value: float
    reasons: tuple[str, ...]


async def predicted_cases(
    prediction: PredictionMade, ctx: Context[PackagesConfig]
) -> list[PackageRiskPredicted]:
    """What a model of a table says of cases that are gathered."""
    out = []
    for name, package in ctx.config.packages.items():
        if package.risk.table != prediction.table:
            continue
        prefix = f"{CASE}{name}/"
        cases = {key.removeprefix(prefix) for key, _ in await ctx.state.items(prefix, int)}
        data = await ctx.objects.get(prediction.content, role="predictions")
        made = await ctx.run(predictions_of, data, frozenset(cases), seconds=60)
        out += [_predicted(name, one, prediction.model) for one in made]
    return out


def predictions_of(data: bytes, entities: frozenset[str]) -> list[_Prediction]:
    """Of a stored bucket of predictions, those of some entities."""
    found = []
    for line in gzip.decompress(data).splitlines():
        one = orjson.loads(line)
        if str(one["entity"]) in entities:
            reasons = tuple(str(each["feature"]) for each in one.get("reasons", ()))
            found.append(_Prediction(str(one["entity"]), float(one["value"]), reasons))
    return found


def _predicted(package: str, one: _Prediction, model: ModelRef) -> PackageRiskPredicted:
    return PackageRiskPredicted(
        package=package, case=one.entity, value=min(1.0, max(0.0, one.value)),
        reasons=one.reasons, model=model,
    )  # fmt: skip
