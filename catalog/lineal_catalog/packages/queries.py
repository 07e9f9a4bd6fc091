"""Lists packages, and shows one with the values that its documents have."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

from lineal.errors import LinealError, ObjectMissing
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.queries import documents_by_id, is_visible_to
from lineal_catalog.documents.visibility import visible_to
from lineal_schemas.fields import FieldValues
from lineal_schemas.objects import ObjectRef
from lineal_schemas.packages import PackageReport

_JSON = "application/json"
_PPM = 1_000_000


class UnknownPackage(LinealError, LookupError):
    """There is no package of a case, or several: the message names them."""


class ListedPackage(NamedTuple):
    """How a package stands."""

    package: str
    case: str
    status: str
    documents: int
    """How many count."""
    missing: int
    contradictions: int
    score: float | None
    """None: nothing is due yet."""
    report: str
    updated_us: int

    def to_dict(self) -> dict[str, Any]:
        """As it is listed in JSON, by the command line and over HTTP."""
        return self._asdict()


_SELECT = (
    "SELECT package, case_id, status, documents, missing, contradictions, score_ppm, report, "
    "updated FROM packages"
)


def list_packages(
    connection: Connection, status: str | None = None, names: Collection[str] | None = None
) -> list[ListedPackage]:
    """Packages, the riskiest first.

    Args:
        names: by which access lists know who asks: only packages with a document that they may
            see; None: all.
    """
    visible, values = _visible(names)
    if status:
        visible, values = f"{visible} AND status = ?", [*values, status]
    rows = connection.execute(
        f"{_SELECT} WHERE {visible} ORDER BY score_ppm DESC, package, case_id", values
    )
    return [_listed(*row) for row in rows.fetchall()]


def _visible(names: Collection[str] | None) -> tuple[str, list[str]]:
    """A condition and its parameters: the package has a document that they may see."""
    if names is None:
        return "1 = 1", []
    condition, values = visible_to("held.document_id", names)
    return (
        "EXISTS (SELECT 1 FROM package_documents AS held WHERE held.package = packages.package "
        f"AND held.case_id = packages.case_id AND {condition})",
        values,
    )


def find_package(
    connection: Connection, wanted: str, names: Collection[str] | None = None
) -> ListedPackage:
    """The package of a case: ``LOAN-17``, or ``mortgage/LOAN-17`` where it has several.

    Args:
        names: as for :func:`list_packages`.

    Raises:
        UnknownPackage: there is none, or none that they may see.
    """
    package, _, case = wanted.rpartition("/")
    visible, values = _visible(names)
    rows = connection.execute(
        f"{_SELECT} WHERE {visible} AND case_id = ? ORDER BY package", (*values, case)
    ).fetchall()
    found = [_listed(*row) for row in rows if not package or row[0] == package]
    if len(found) != 1:
        names = ", ".join(f"{one.package}/{one.case}" for one in found)
        many = f"there are several packages of {case}: {names}"
        none = f"there is no package of {wanted!r}: `lineal package list` lists them"
        raise UnknownPackage(many if found else none)
    return found[0]


def packages_of_document(connection: Connection, document_id: str) -> list[tuple[str, str]]:
    """The packages that have a document: their names and cases."""
    rows = connection.execute(
        "SELECT package, case_id FROM package_documents WHERE document_id = ? "
        "ORDER BY package, case_id",
        (document_id,),
    )
    return [(str(package), str(case)) for package, case in rows.fetchall()]


async def show_package(
    runtime: Runtime, wanted: str, names: Collection[str] | None = None
) -> dict[str, Any]:
    """All that is known of a package, with those of its documents that who asks may see, and how
    many there are beside (``documents_not_shown``).

    Args:
        names: by which access lists know who asks; None: they see every document.

    Raises:
        UnknownPackage: there is none that they may see, or its report was erased.
    """
    await runtime.flush_ledger()
    found = await runtime.store.read(partial(find_package, wanted=wanted, names=names))
    try:
        data = await runtime.objects.get(reference(found.report, 0, _JSON))
    except ObjectMissing as error:
        raise UnknownPackage(f"its report was erased: `lineal package check {wanted}`") from error
    report = PackageReport.model_validate_json(data)
    ids = [one.document_id for one in report.documents]
    visible = await runtime.store.read(
        lambda c: {one.document_id: one.name for one in documents_by_id(c, ids)
                   if is_visible_to(c, one.document_id, names)}
    )  # fmt: skip
    values = {
        one.document_id: await _values(runtime, one.fields) if one.document_id in visible else {}
        for one in report.documents
    }
    told = report.model_dump(mode="json")
    told["updated_us"] = found.updated_us
    told["documents_not_shown"] = len(ids) - len(visible)
    told["documents"] = [one for one in told["documents"] if one["document_id"] in visible]
    for document in told["documents"]:
        document["name"] = visible[document["document_id"]]
        document["values"] = values[document["document_id"]]
    for part in told["missing"]:
        if part.get("document_id") not in visible:
            part["document_id"] = None
    for broken in told["contradictions"]:
        broken["documents"] = [one for one in broken["documents"] if one in visible]
        broken["places"] = [
            {**place, "value": values[place["document_id"]].get(place["field"])}
            for place in broken["places"]
            if place["document_id"] in visible
        ]
    return told


async def _values(runtime: Runtime, fields: ObjectRef | None) -> dict[str, str]:
    """The values of a document; none where they were not extracted, or were erased."""
    if fields is None:
        return {}
    try:
        found = FieldValues.model_validate_json(await runtime.objects.get(fields))
    except ObjectMissing:
        return {}
    return {one.name: one.value for one in found.fields if one.value is not None}


def _listed(
    package: str, case: str, status: str, documents: int, missing: int, contradictions: int,
    score_ppm: int, report: str, updated: int,
) -> ListedPackage:  # fmt: skip
    score = None if score_ppm < 0 else score_ppm / _PPM
    return ListedPackage(
        package, case, status, documents, missing, contradictions, score, report, updated
    )
