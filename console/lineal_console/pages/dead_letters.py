"""Dead letters, grouped by their cause: read, redriven or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from starlette.datastructures import FormData
from starlette.responses import Response

from lineal.dead_letters import (
    Letter,
    LetterFilter,
    NobodyAnswersFor,
    NoRedriveTarget,
    drop,
    redrive,
    waiting_letters,
)
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.pages.flow import subject_url

LETTERS = Page("dead-letters", "Dead letters", act="redrive", section="flow", order=20)
_MAX_REASON = 300
_MAX_SHOWN = 100
"""Letters of a cause that are listed one by one."""


class Cause(NamedTuple):
    """Letters that failed in the same way."""

    group: str
    error: str
    message: str
    letters: list[Letter]

    @property
    def shown(self) -> list[Letter]:
        """The newest."""
        return self.letters[-_MAX_SHOWN:][::-1]


def causes(letters: Sequence[Letter]) -> list[Cause]:
    """Letters grouped by stage and error, the largest group first."""

    def key(letter: Letter) -> tuple[str, str]:
        return letter.content.group, letter.content.error_class

    found = []
    for (group, error), items in groupby(sorted(letters, key=key), key):
        of_cause = sorted(items, key=lambda letter: letter.time)
        found.append(Cause(group, error, of_cause[-1].content.message, of_cause))
    return sorted(found, key=lambda cause: -len(cause.letters))


@LETTERS.get()
async def list_letters(request: PageRequest) -> Response:
    """What waits for a decision."""
    wanted = LetterFilter(group=request.query("group") or None, key=request.query("key") or None)
    letters = await waiting_letters(request.runtime, wanted)
    return request.render(
        "dead_letters.html",
        causes=causes(letters),
        total=len(letters),
        group=wanted.group,
        key=wanted.key,
        subject_url=subject_url,
    )


@LETTERS.get("/{id}")
async def show_letter(request: PageRequest) -> Response:
    """One letter: the event, the error, and where it happened."""
    wanted = request.path("id")
    letters = await waiting_letters(request.runtime, LetterFilter(ids=frozenset((wanted,))))
    if len(letters) != 1:
        raise request.missing(request.text("No dead letter with this id waits for a decision."))
    (letter,) = letters
    fields: dict[str, Any] = orjson.loads(letter.event.to_json())
    data = fields.pop("data", None)
    shown = data if isinstance(data, str) else orjson.dumps(data, option=orjson.OPT_INDENT_2)
    return request.render(
        "dead_letter.html",
        letter=letter,
        attributes=fields,
        data=shown if isinstance(shown, str) else shown.decode(),
        subject_url=subject_url,
    )


@LETTERS.post("/decide")
async def decide_letters(request: PageRequest) -> Response:
    """Redrive or drop the chosen letters, or all of a cause."""
    form = await request.form()
    letters = await _chosen(request, form)
    act = str(form.get("act", ""))
    reason = str(form.get("reason", "")).strip()[:_MAX_REASON] or None
    if act == "drop":
        done = await drop(request.runtime, letters, by=request.credential, reason=reason)
        notice = request.messages.ngettext(
            "%(number)s letter is dropped.", "%(number)s letters are dropped.", len(done)
        )
    else:
        try:
            done = await redrive(request.runtime, letters, by=request.credential, reason=reason)
        except (NoRedriveTarget, NobodyAnswersFor):
            return request.redirect(
                LETTERS.url,
                request.text(
                    "Nothing was redriven: some of these never were on the bus, or nobody here "
                    "knows who sent them. They can be dropped."
                ),
            )
        notice = request.messages.ngettext(
            "%(number)s letter is redriven.", "%(number)s letters are redriven.", len(done)
        )
    await request.runtime.flush_ledger()
    return request.redirect(LETTERS.url, notice % {"number": len(done)})


async def _chosen(request: PageRequest, form: FormData) -> list[Letter]:
    ids = frozenset(str(value) for value in form.getlist("id"))
    if ids:
        wanted = LetterFilter(ids=ids)
    else:
        wanted = LetterFilter(
            group=str(form.get("group", "")) or None, error_class=str(form.get("error", "")) or None
        )
        if wanted.group is None or wanted.error_class is None:
            return []
    return await waiting_letters(request.runtime, wanted)
