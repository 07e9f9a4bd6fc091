"""The queue of reviews, and the page on which a person says what is right."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import quote, urlencode

from starlette.responses import Response

from lineal.access.acts import NotPermitted
from lineal.store.connection import Connection
from lineal_catalog.reviews import acts, answers
from lineal_catalog.reviews.answers import EmptyAnswer
from lineal_catalog.reviews.correcting import page_text
from lineal_catalog.reviews.corrections_asked import NoReviewStage, begin_correction
from lineal_catalog.reviews.item_state import ReviewConflict
from lineal_catalog.reviews.queries import (
    ActsOfPerson,
    Filter,
    Order,
    ReviewItem,
    UnknownReview,
    acts_of_person,
    count_waiting,
    list_reviews,
)
from lineal_catalog.reviews.readings import current_reading
from lineal_catalog.reviews.redaction import WrongBox
from lineal_catalog.reviews.reviewer import Reviewer, find
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.review_form import extracted_of, form_value
from lineal_schemas.envelope import now_us
from lineal_schemas.fields import FieldValues
from lineal_schemas.results import TextResult
from lineal_schemas.reviews import ReviewValue

if TYPE_CHECKING:
    from lineal_console.device_curves import AnomalyTime

REVIEW = Page("review", "Review", act="review", section="review", order=10)
_SHOWN = 200
DOCUMENTS = "/console/documents"
_DEVICE = "device:"
_MAX_WORDS = 6000
_MAX_PAGES = 20
"""Pages whose text is shown for correction at once."""
_FILTERS = ("reason", "target", "class", "below", "order", "status")
_Status = Literal["waiting", "completed", "all"]


@REVIEW.get()
async def queue(request: PageRequest) -> Response:
    """What waits for people."""
    who, now = _who(request), now_us()
    status = cast(_Status, request.query("status", "waiting"))
    if status not in get_args(_Status):
        status = "waiting"

    def look(
        connection: Connection,
    ) -> tuple[list[ReviewItem], dict[str, dict[str, int]], ActsOfPerson]:
        items = list_reviews(
            connection, now=now, wanted=_filter(request.query), status=status,
            order=_order(request.query("order")), limit=_SHOWN, names=who.names,
        )  # fmt: skip
        own = acts_of_person(connection, who.actor, [item.item_id for item in items])
        return items, count_waiting(connection, who.names), own

    items, counts, own = await request.runtime.store.read(look)
    return request.render(
        "review.html",
        items=[item.to_dict(who.actor, now) for item in items],
        counts=counts,
        own=own,
        here=f"{REVIEW.url}?{request.request.url.query}",
        status=status,
        query={name: request.query(name) for name in _FILTERS},
        address=lambda **changes: f"{REVIEW.url}?{urlencode(changes)}",
    )


@REVIEW.post("/next")
async def take_next(request: PageRequest) -> Response:
    """Take the next item that waits, and show it."""
    form = await request.form()

    def given(name: str, default: str = "") -> str:
        return str(form.get(name, default))

    item = await acts.take_next(
        request.runtime, _who(request), _filter(given), _order(given("order"))
    )
    if item is None:
        return request.redirect(REVIEW.url, request.text("Nothing waits for you."))
    return request.redirect(f"{REVIEW.url}/{item.item_id}")


@REVIEW.post("/begin")
async def begin(request: PageRequest) -> Response:
    """Correct a document that nobody was asked about."""
    document_id = str((await request.form()).get("document", ""))
    back = f"{DOCUMENTS}/{quote(document_id, safe='')}"
    try:
        item = await begin_correction(request.runtime, document_id, _who(request))
    except (ReviewConflict, UnknownReview, NoReviewStage) as error:
        return request.redirect(back, request.recorded(error))
    return request.redirect(f"{REVIEW.url}/{item.item_id}?{urlencode({'back': document_id})}")


@REVIEW.get("/{item}")
async def show_item(request: PageRequest) -> Response:
    """One item: what the machine says, where to look, and what is right."""
    who = _who(request)
    item = await _item(request, who)
    told = await acts.details(request.runtime, item, who)
    result, name, _ = await current_reading(request.runtime, item)
    draft = ReviewValue.model_validate((told["draft"] or {"value": {}})["value"])
    numbers = sorted({place["page"] for place in told["places"]})
    if result is not None and not numbers:
        numbers = [page.number for page in result.pages]
    first = request.number("page", numbers[0] if numbers else 1, minimum=1)
    classes = await request.runtime.store.read(_known_classes)
    own = await request.runtime.store.read(
        partial(acts_of_person, actor=who.actor, item_ids=[item.item_id])
    )
    extracted = await extracted_of(request, item)
    pages = [] if result is None else _pages(result, numbers[:_MAX_PAGES], draft, extracted)
    return request.render(
        "review_item.html",
        item=told,
        anomaly=await _anomaly(request, item),
        places=told["places"],
        draft=draft,
        document_class=draft.document_class or name or told["class"] or "",
        classes=classes,
        pages=pages,
        tables=[] if result is None else _tables(result, numbers[:_MAX_PAGES], draft),
        number=first,
        drawn_page=_ratio(result, first) is not None,
        ratio=_ratio(result, first) or 0,
        boxes=[place["box"] for place in told["places"] if place["page"] == first and place["box"]],
        may_answer=told["status"] in ("open", "taken", "disputed", "superseded")
        and (told["taken"] is None or told["taken"]["by"] == who.actor)
        and not any(opinion["by"] == who.actor for opinion in told["opinions"]),
        answered=any(opinion["by"] == who.actor for opinion in told["opinions"]),
        skipped=item.item_id in own.skipped,
        own_draft=acts.plain_value(draft) if told["draft"] else None,
        mine=told["taken"] is not None and told["taken"]["by"] == who.actor,
        problems=_problems(told["places"]),
        words=_words(result, first),
        back=request.query("back"),
    )


async def _anomaly(request: PageRequest, item: ReviewItem) -> AnomalyTime | None:
    """When that was which is asked about, where it is an anomaly of a device."""
    device = item.subject.removeprefix(_DEVICE)
    if item.target != "anomaly" or device == item.subject:
        return None
    from lineal_console.device_curves import anomaly_time  # with lineal[sensors] alone

    return await anomaly_time(request.runtime, device, item.of, item.created)


@REVIEW.post("/{item}/take")
async def take(request: PageRequest) -> Response:
    """Begin to work on an item."""
    return await _act(request, acts.take)


@REVIEW.post("/{item}/release")
async def release(request: PageRequest) -> Response:
    """Give an item back."""
    await acts.release(request.runtime, request.path("item"), _who(request))
    return request.redirect(REVIEW.url, request.text("The item is given back; your draft stays."))


@REVIEW.post("/{item}/skip")
async def skip(request: PageRequest) -> Response:
    """Leave an item to others, and take the next."""
    await acts.skip(request.runtime, request.path("item"), _who(request))
    return await _onward(request, request.text("The item is left to others."))


@REVIEW.post("/{item}/draft")
async def draft(request: PageRequest) -> Response:
    """Keep what was entered so far; answers with a line that says so."""
    who = _who(request)
    value = await form_value(
        request, await _item(request, who), await request.form(), all_parts=True
    )
    if value is None:
        return request.render("review_draft.html", saved=None, taken=None)
    kept = await acts.save_draft(request.runtime, request.path("item"), value, who)
    return request.render("review_draft.html", saved=kept["saved_us"], taken=kept["taken"])


@REVIEW.post("/{item}/complete")
async def complete(request: PageRequest) -> Response:
    """Answer an item, and take the next."""
    who = _who(request)
    item = await _item(request, who)
    back = f"{REVIEW.url}/{item.item_id}"
    form = await request.form()
    value = await form_value(request, item, form, all_parts=False)
    if value is None:
        return request.redirect(back, request.text("What was entered does not fit."))
    try:
        made = await answers.complete(request.runtime, item.item_id, value, who)
    except (NotPermitted, ReviewConflict, WrongBox) as error:
        return request.redirect(back, request.recorded(error))
    except EmptyAnswer:
        return request.redirect(back, request.text("Say what is right: nothing was entered."))
    if made.type == "review.opinion":
        return await _onward(request, request.text("Noted. Another person has to look as well."))
    done = {"confirmed": request.text("Confirmed."), "corrected": request.text("Corrected.")}
    if document_id := str(form.get("back", "")):
        return request.redirect(
            f"{DOCUMENTS}/{quote(document_id, safe='')}",
            done[made.outcome] + " " + request.text("What follows from it is being made again."),
        )
    return await _onward(request, done[made.outcome])


async def _onward(request: PageRequest, notice: str) -> Response:
    item = await acts.take_next(request.runtime, _who(request))
    if item is None:
        return request.redirect(REVIEW.url, notice)
    return request.redirect(f"{REVIEW.url}/{item.item_id}", notice)


async def _act(request: PageRequest, act: Any) -> Response:
    address = f"{REVIEW.url}/{request.path('item')}"
    try:
        await act(request.runtime, request.path("item"), _who(request))
    except ReviewConflict as error:
        return request.redirect(address, request.recorded(error))
    return request.redirect(address)


async def _item(request: PageRequest, who: Reviewer) -> ReviewItem:
    try:
        return await find(request.runtime, request.path("item"), who)
    except UnknownReview as error:
        raise request.missing(str(error)) from error


def _who(request: PageRequest) -> Reviewer:
    return Reviewer.of(request.credential)


def _filter(given: Any) -> Filter:
    below = given("below")
    return Filter(
        given("reason") or None,
        given("target") or None,
        given("class") or None,
        float(below) if below.replace(".", "", 1).isdecimal() else None,
    )


def _order(given: str) -> Order:
    return "confidence" if given == "confidence" else "age"


def _known_classes(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT value FROM search_facets WHERE key = 'class' ORDER BY value"
    )
    return [name for (name,) in rows.fetchall()]


def _pages(
    result: TextResult, numbers: list[int], draft: ReviewValue, extracted: FieldValues | None
) -> list[dict[str, Any]]:
    entered = {item.page: item.text for item in draft.pages}
    values = {(item.page, item.key): item.value for item in draft.fields}
    first = min(numbers, default=1)
    declared = () if extracted is None else extracted.fields
    return [
        {
            "number": page.number,
            "text": entered.get(page.number, page_text(result, page)),
            "fields": [
                {"key": key, "value": values.get((page.number, key), value)}
                for key, value in (
                    [(field.name, field.value or "") for field in declared]
                    if declared and page.number == first
                    else [(pair.key, pair.value) for pair in page.key_values]
                )
            ],
        }
        for page in result.pages
        if page.number in numbers
    ]


def _tables(result: TextResult, numbers: list[int], draft: ReviewValue) -> list[dict[str, Any]]:
    entered = {(item.page, item.table): item.rows for item in draft.tables}
    return [
        {
            "page": page.number,
            "table": place,
            "text": "\n".join(
                "\t".join(row) for row in entered.get((page.number, place), table.rows)
            ),
        }
        for page in result.pages
        if page.number in numbers
        for place, table in enumerate(page.tables)
    ]


def _problems(places: list[dict[str, Any]]) -> dict[str, str]:
    """What is wrong with a field, by its name: a place says "NAME: what"."""
    return {
        name: problem
        for name, separator, problem in (place["reason"].partition(": ") for place in places)
        if separator
    }


def _words(result: TextResult | None, number: int) -> list[dict[str, Any]]:
    """The words of a page with their boxes, to be taken over into a field by a click."""
    if result is None:
        return []
    return [
        {"text": result.text[word.begin : word.end], "box": word[3:7]}
        for page in result.pages
        if page.number == number
        for word in page.words[:_MAX_WORDS]
    ]


def _ratio(result: TextResult | None, number: int) -> int | None:
    """The height of a page that is 1000 wide; None: nothing draws it."""
    for page in result.pages if result is not None else ():
        if page.number == number and page.width:
            return round(1000 * page.height / page.width)
    return None
