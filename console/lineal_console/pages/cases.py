"""Packages of documents, as those of a loan: what is missing or contradicts, and the risk."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from starlette.responses import Response

from lineal_catalog.packages.queries import (
    UnknownPackage,
    find_package,
    list_packages,
    show_package,
)
from lineal_catalog.packages.requests import request_checks
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

CASES = Page("cases", "Cases", section="documents", order=30)
_SOURCE = "lineal:http"


@CASES.get()
async def list_cases(request: PageRequest) -> Response:
    """All packages, the riskiest first."""
    status = request.query("status")
    packages = await request.runtime.store.read(
        partial(list_packages, status=status or None, names=request.names)
    )
    return request.render("cases.html", packages=packages, status=status, address=_address)


@CASES.get("/{case:path}")
async def show_case(request: PageRequest) -> Response:
    """One package, with the values of its documents that who asks may see."""
    try:
        found = await show_package(request.runtime, request.path("case"), request.names)
    except UnknownPackage as error:
        raise request.missing(str(error)) from error
    return request.render(
        "case.html", case=found, address=_address(found["package"], found["case"])
    )


@CASES.post("/{case:path}/check", act="review")
async def check(request: PageRequest) -> Response:
    """Have a package checked as it stands now."""
    try:
        found = await request.runtime.store.read(
            partial(find_package, wanted=request.path("case"), names=request.names)
        )
    except UnknownPackage as error:
        raise request.missing(str(error)) from error
    case = found.package, found.case
    await request_checks(request.runtime, [case], request.credential, _SOURCE)
    return request.redirect(_address(*case), request.text("The package is being checked."))


def _address(package: str, case: str) -> str:
    return f"{CASES.url}/{quote(f'{package}/{case}')}"
