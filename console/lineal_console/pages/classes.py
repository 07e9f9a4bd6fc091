"""Classes of documents: their examples, how often they are wrong, and what people are asked."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.store.connection import Connection
from lineal_catalog.classes.figures import class_figures, model_figures
from lineal_catalog.classes.queries import MODEL, examples_of, list_classes
from lineal_catalog.classes.teaching import NoExample, NotRead, forget, teach
from lineal_catalog.documents.queries import (
    UnknownDocument,
    documents_by_id,
    find_document,
    is_visible_to,
)
from lineal_catalog.models.queries import list_models
from lineal_catalog.reviews.class_evidence import newest_evidence
from lineal_catalog.reviews.error_bounds import CONFIDENCE
from lineal_catalog.reviews.thresholds import (
    PRECISIONS,
    measured_classes,
    set_thresholds,
    thresholds_for,
    thresholds_set,
)
from lineal_console.page import Page
from lineal_console.page_request import PageRequest

CLASSES = Page("classes", "Classes", section="models", order=20)
_SOURCE = "lineal:http"
_PRECISION = 0.95
"""Share of documents of a class that are to be right where no person looks."""
_MAX_EXAMPLES = 500
"""That are listed of one class, the newest."""


@CLASSES.get()
async def show_classes(request: PageRequest) -> Response:
    """All classes, and the model that knows them."""
    taught = {one.name: one for one in await list_classes(request.runtime)}

    precision = _precision(request.query("precision"))

    def look(connection: Connection) -> dict[str, Any]:
        in_use = [one for one in list_models(connection, MODEL) if one.status == "in use"]
        info = in_use[0] if in_use else None
        metrics = ((info.evaluation or {}).get("metrics") or {}) if info else {}
        return {
            "figures": class_figures(connection),
            "model": info,
            "measured": model_figures(metrics),
            "evidence": newest_evidence(connection, MODEL),
            "thresholds": list(thresholds_for(measured_classes(connection), precision).values()),
            "in_use_now": thresholds_set(connection),
        }

    found = await request.runtime.store.read(look)
    names = sorted({*taught, *found["figures"]}, key=str.casefold)
    return request.render(
        "classes.html",
        names=names, taught=taught, confidence=CONFIDENCE, precision=precision,
        model_name=MODEL, address=_address, **found,
    )  # fmt: skip


@CLASSES.get("/{name}")
async def show_class(request: PageRequest) -> Response:
    """One class with its examples, as far as who asks may see them."""
    name = request.path("name")
    ids = [id_ for id_, label in (await examples_of(request.runtime)).items() if label == name]

    def look(connection: Connection) -> dict[str, Any]:
        seen = [one for one in ids if is_visible_to(connection, one, request.names)]
        return {
            "examples": documents_by_id(connection, seen[-_MAX_EXAMPLES:][::-1]),
            "figures": class_figures(connection).get(name),
        }

    found = await request.runtime.store.read(look)
    if not ids and found["figures"] is None:
        raise request.missing(request.text("No document is of this class."))
    return request.render(
        "class.html", name=name, hidden=len(ids) - len(found["examples"]), address=_address,
        confidence=CONFIDENCE, **found,
    )  # fmt: skip


@CLASSES.post("/thresholds", act="promote")
async def use_thresholds(request: PageRequest) -> Response:
    """Believe classes from the confidences on that are measured now."""
    precision = _precision(str((await request.form()).get("precision", "")))
    measured = await request.runtime.store.read(measured_classes)
    known = {
        name: one.threshold
        for name, one in thresholds_for(measured, precision).items()
        if one.threshold is not None
    }
    if not known:
        return request.redirect(
            CLASSES.url, request.text("Too few answers say how often a class is right.")
        )
    await set_thresholds(request.runtime, known, precision, request.credential)
    return request.redirect(CLASSES.url, request.text("Classes are believed from these on."))


@CLASSES.post("/teach", act="review")
async def teach_example(request: PageRequest) -> Response:
    """Say that a document is an example of a class, which may be new."""
    form = await request.form()
    name, wanted = (str(form.get(key, "")).strip() for key in ("name", "document"))
    if not name:
        raise HTTPException(400, request.text("Name the class."))
    try:
        info = await request.runtime.store.read(
            partial(find_document, wanted=wanted, names=request.names)
        )
        await teach(request.runtime, {info.document_id: name}, request.credential, _SOURCE)
    except UnknownDocument as error:
        raise HTTPException(404, str(error)) from error
    except NotRead as error:
        raise HTTPException(409, str(error)) from error
    except ValidationError as error:
        raise HTTPException(400, request.text("Name the class.")) from error
    return request.redirect(
        _address(name), request.text("%(document)s is an example.", document=info.name)
    )


@CLASSES.post("/forget", act="review")
async def forget_example(request: PageRequest) -> Response:
    """A document is an example no longer."""
    form = await request.form()
    try:
        info = await request.runtime.store.read(
            partial(find_document, wanted=str(form.get("document", "")), names=request.names)
        )
        await forget(request.runtime, [info.document_id], request.credential, _SOURCE)
    except (UnknownDocument, NoExample) as error:
        raise HTTPException(404, str(error)) from error
    return request.redirect(
        CLASSES.url, request.text("%(document)s is no example any more.", document=info.name)
    )


def _precision(percent: str) -> float:
    """A share given in percent; 95 % where it is none that can be asked for."""
    try:
        given = float(percent.replace(",", ".").removesuffix("%")) / 100
    except ValueError:
        return _PRECISION
    return given if PRECISIONS[0] <= given <= PRECISIONS[1] else _PRECISION


def _address(name: str) -> str:
    return f"{CLASSES.url}/{quote(name, safe='')}"
