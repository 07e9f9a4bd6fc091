"""Labelling jobs: made, worked through, closed and taken along; and how labelling goes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from babel import Locale
from babel.numbers import format_decimal
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import list_documents
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.labels.acts import label_to_look_at
from lineal_catalog.labels.answers import give_label, take_item
from lineal_catalog.labels.closing import close_job
from lineal_catalog.labels.dashboard import HourFigures, job_figures
from lineal_catalog.labels.formats import FORMATS
from lineal_catalog.labels.items import item_of, range_of, unverified_photos, with_sizes
from lineal_catalog.labels.jobs import create_job
from lineal_catalog.labels.queries import Job, UnknownJob, find_item, find_job, list_jobs
from lineal_catalog.photos.projection import PHOTO
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_schemas.labels import ConsensusMethod, LabelBox, LabelItem, LabelJobKind, LabelValue
from lineal_schemas.results import PAGE_SEPARATOR

LABELS = Page("labels", "Labels", act="review", section="review", order=20)
DASHBOARD = Page("labelling", "Labelling dashboard", act="review", section="review", order=30)
_CHART_HEIGHT = 60
_BAR_WIDTH = 12
_MAX_BARS = 48
_MAX_COST = 1_000_000
_MAX_TEXT = 50_000


@LABELS.get()
async def jobs(request: PageRequest) -> Response:
    """All jobs, and a form to make one."""
    found = await request.runtime.store.read(lambda c: [job.to_dict(c) for job in list_jobs(c)])
    return request.render("labels.html", jobs=found)


@LABELS.post("/create")
async def create(request: PageRequest) -> Response:
    """Make a job."""
    form = await request.form()
    kind = cast(LabelJobKind, str(form.get("kind", "label")))
    source = str(form.get("source", "")) or None
    items: list[LabelItem] = []
    known: dict[str, str] = {}
    if kind == "label":
        wanted = [line.strip() for line in str(form.get("items", "")).splitlines() if line.strip()]
        items = await request.runtime.store.read(
            partial(
                _items,
                wanted=wanted,
                documents="documents" in form,
                photos="photos" in form,
                names=request.names,
            )
        )
        items = await with_sizes(request.runtime, items)
        known = await request.runtime.store.read(partial(_known, form=form, names=request.names))
    answers = str(form.get("answers", "1"))
    created = await create_job(
        request.runtime, request.credential, name=str(form.get("name", "")).strip(), kind=kind,
        items=items, source=source, known=known,
        classes=[each.strip() for each in str(form.get("classes", "")).split(",") if each.strip()],
        answers=int(answers) if answers.isdecimal() and answers != "0" else 1,
        cost_per_hour=_cost(request, form),
    )  # fmt: skip
    return request.redirect(f"{LABELS.url}/{created.job}", request.text("The job is made."))


def _items(
    connection: Connection, wanted: list[str], *, documents: bool, photos: bool,
    names: tuple[str, ...] | None,
) -> list[LabelItem]:  # fmt: skip
    found = list(wanted)
    if photos:
        found += unverified_photos(connection, names)
    if documents:
        found += [
            info.document_id
            for info in reversed(list_documents(connection, status="indexed", names=names))
        ]
    return [item_of(connection, name, names) for name in found]


def _known(
    connection: Connection, *, form: FormData, names: tuple[str, ...] | None
) -> dict[str, str]:
    """The known answers, a line each. Names of items may have an ``=`` themselves."""
    lines = str(form.get("known", "")).splitlines()
    pairs = [line.rpartition("=") for line in lines if "=" in line]
    return {
        item_of(connection, item.strip(), names).item: label.strip() for item, _, label in pairs
    }


def _cost(request: PageRequest, form: FormData) -> float:
    """Of an hour of somebody's time.

    Raises:
        HTTPException: 400, it is no number.
    """
    written = str(form.get("cost", "")).strip().replace(",", ".")
    try:
        cost = float(written or 0)
    except ValueError:
        cost = -1.0
    if not 0 <= cost < _MAX_COST:
        raise HTTPException(400, request.text("The cost of an hour is a number."))
    return cost


@LABELS.get("/{job}")
async def show_job(request: PageRequest) -> Response:
    """One job: how far it is, what can be done with it."""
    job = await _job(request)
    told = await request.runtime.store.read(lambda c: job.to_dict(c))
    return request.render("label_job.html", job=told, formats=FORMATS)


@LABELS.post("/{job}/take")
async def take(request: PageRequest) -> Response:
    """Take the next item, and show it."""
    return await _onward(request, await _job(request))


async def _onward(request: PageRequest, job: Job, notice: str | None = None) -> Response:
    taken = await take_item(request.runtime, job.job_id, request.credential)
    if taken is None:
        return request.redirect(
            f"{LABELS.url}/{job.job_id}", request.text("Nothing is left for you to label.")
        )
    query = urlencode({"item": taken.item.item})
    return request.redirect(f"{LABELS.url}/{job.job_id}/item?{query}", notice)


@LABELS.get("/{job}/item")
async def show_item(request: PageRequest) -> Response:
    """One item, and what may be said of it."""
    job = await _job(request)

    def look(connection: Connection) -> tuple[LabelItem, LabelValue | None]:
        item = find_item(connection, job, request.query("item"))
        before = label_to_look_at(connection, job, item.item)
        item_of(connection, item.item, request.names)  # only what they may see
        return item, None if before is None else before[1]

    try:
        item, label = await request.runtime.store.read(look)
    except LinealError as error:
        raise request.missing(str(error)) from error
    _, _, page = item.item.partition("#page=")
    drawn = bool(item.width) or _id(item, DOCUMENT) is None
    return request.render(
        "label_item.html",
        text=None if drawn else await _text(request, item, int(page) if page.isdecimal() else None),
        job=job,
        item=item,
        label=label,
        document=_id(item, DOCUMENT),
        photo=_id(item, PHOTO),
        span=_span(item),
        number=int(page) if page.isdecimal() else 1,
        ratio=round(1000 * item.height / item.width) if item.width else 1414,
    )


async def _text(request: PageRequest, item: LabelItem, page: int | None) -> str | None:
    """What a document that nothing draws says, or one page of it; None where it was not read."""
    document = _id(item, DOCUMENT) or ""
    found = await request.runtime.store.read(partial(find_renditions, document_id=document))
    if (stored := found.get("text")) is None:
        return None
    data = await request.runtime.objects.get(reference(stored.sha256, 0, stored.media_type))
    read = data.decode("utf-8", "replace")
    if page is not None:
        pages = read.split(PAGE_SEPARATOR)
        read = pages[page - 1] if 0 < page <= len(pages) else ""
    return read[:_MAX_TEXT]


def _id(item: LabelItem, family: str) -> str | None:
    found = item.subject.removeprefix(family)
    return found if found != item.subject else None


class Span(NamedTuple):
    """A range of a device's readings, and what is drawn around it."""

    device: str
    begin: int
    """Microseconds since the Unix epoch."""
    end: int

    @property
    def drawn_from(self) -> int:
        """Half as long before it as it is long: what is usual is seen beside what is labelled."""
        return self.begin - (self.end - self.begin) // 2

    @property
    def drawn_to(self) -> int:
        """And as much behind it."""
        return self.end + (self.end - self.begin) // 2


def _span(item: LabelItem) -> Span | None:
    found = range_of(item.item)
    return None if found is None else Span(*found)


@LABELS.post("/{job}/give")
async def give(request: PageRequest) -> Response:
    """Label an item, and take the next."""
    job, form = await _job(request), await request.form()
    label = str(form.get("label", "")).strip()
    value = LabelValue(label=label or None, boxes=_boxes(form))
    if job.kind == "verify":
        value = LabelValue(correct=label == "correct")
    await give_label(
        request.runtime, job.job_id, str(form.get("item", "")), value, request.credential
    )
    return await _onward(request, job)


def _boxes(form: FormData) -> tuple[LabelBox, ...]:
    """The boxes that were drawn or written: ``stamp,0.1,0.2,0.3,0.05``, in fractions of the page.

    Raises:
        HTTPException: 400, one is otherwise.
    """
    written = [str(text).strip() for text in form.getlist("box") if str(text).strip()]
    found = []
    for text in written:
        label, *sides = (part.strip() for part in text.rsplit(",", 4))
        try:
            found.append(LabelBox.model_validate({"label": label, "box": list(map(float, sides))}))
        except ValueError as error:
            raise HTTPException(
                400, f"{text[:100]!r} is no box: class, left, top, width, height, in fractions"
            ) from error
    return tuple(found)


@LABELS.post("/{job}/close")
async def close(request: PageRequest) -> Response:
    """Find what holds of each item."""
    job, form = await _job(request), await request.form()
    method: ConsensusMethod = "dawid_skene" if form.get("method") == "dawid_skene" else "majority"
    closed = await close_job(request.runtime, job.job_id, request.credential, method=method)
    notice = request.text(
        "%(resolved)s of %(items)s items have a label.", resolved=closed.resolved,
        items=closed.items,
    )  # fmt: skip
    return request.redirect(f"{LABELS.url}/{job.job_id}", notice)


async def _job(request: PageRequest) -> Job:
    try:
        return await request.runtime.store.read(partial(find_job, wanted=request.path("job")))
    except UnknownJob as error:
        raise request.missing(str(error)) from error


@DASHBOARD.get()
async def dashboard(request: PageRequest) -> Response:
    """How labelling goes, of the newest jobs or of one."""
    chosen = request.query("job")

    def look(connection: Connection) -> list[tuple[Job, Any]]:
        found = [find_job(connection, chosen)] if chosen else list_jobs(connection)[:10]
        return [(job, job_figures(connection, job)) for job in found]

    try:
        found = await request.runtime.store.read(look)
    except UnknownJob as error:
        raise request.missing(str(error)) from error
    part = "labelling_figures.html" if "part" in request.request.query_params else "labelling.html"
    return request.render(
        part,
        jobs=[(job, figures, _charts(request, figures.hours)) for job, figures in found],
        chosen=chosen,
        height=_CHART_HEIGHT,
    )


def _charts(request: PageRequest, hours: Sequence[HourFigures]) -> list[dict[str, Any]]:
    """A chart of each figure, with a bar for each hour in which labels were given."""
    shown, locale = hours[-_MAX_BARS:], request.messages.locale
    figures: list[tuple[str, list[float | None], str]] = [
        (request.text("Labels given in each hour"), [hour.labels for hour in shown], "#,##0"),
        (request.text("Seconds per item"), [hour.median_seconds for hour in shown], "#,##0.0"),
        (request.text("Agreement"), [hour.agreement for hour in shown], "#,##0%"),
        (request.text("Right of known ones"), [hour.accuracy for hour in shown], "#,##0%"),
        (request.text("Cost"), [hour.cost for hour in shown], "#,##0.00"),
    ]
    return [
        {
            "title": title,
            "bars": _bars(values, pattern, locale),
            "last": format_decimal(known[-1], pattern, locale=locale),
        }
        for title, values, pattern in figures
        if (known := [value for value in values if value is not None]) and any(known)
    ]


def _bars(values: Sequence[float | None], pattern: str, locale: Locale) -> list[dict[str, Any]]:
    highest = max((value for value in values if value), default=1)
    return [
        {
            "x": place * _BAR_WIDTH,
            "y": round(_CHART_HEIGHT * (1 - (value or 0) / highest), 1),
            "width": _BAR_WIDTH - 2,
            "height": round(_CHART_HEIGHT * (value or 0) / highest, 1),
            "text": "" if value is None else format_decimal(value, pattern, locale=locale),
        }
        for place, value in enumerate(values)
    ]
