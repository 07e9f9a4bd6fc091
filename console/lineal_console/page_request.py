"""A request to a page: who asks, in which language, and what it is answered with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from lineal.access.acts import Act
from lineal.access.credential import Credential
from lineal.runtime import Runtime
from lineal_console.recorded import recorded_sentences
from lineal_producers.http.body_limit import limited
from lineal_producers.http.guard import credential_in, reader_names

if TYPE_CHECKING:
    from lineal_console.console import Console
    from lineal_console.messages import Messages
    from lineal_console.page import Page

_FORM_BYTES = 2_000_000
_FORM_FIELDS = 20_000
NOTICE_COOKIE = "lineal_notice"
"""What was just done; shown once, above the next page. Not in the address: a link of somebody
else could say anything there."""
_NOTICE_SECONDS = 60
_MAX_NOTICE = 500


class PageRequest:
    """What a handler of a page is given."""

    def __init__(self, request: Request, console: Console, page: Page, messages: Messages) -> None:
        self.request = request
        self.console = console
        self.page = page
        self.messages = messages
        self._notice_shown = False

    @property
    def notice(self) -> str:
        """What was done before this page; the layout shows it, once."""
        found = unquote(self.request.cookies.get(NOTICE_COOKIE, ""))
        self._notice_shown = bool(found)
        return found

    @property
    def runtime(self) -> Runtime:
        return self.console.runtime

    @property
    def credential(self) -> Credential:
        """Who asks."""
        return credential_in(self.request)

    @property
    def names(self) -> tuple[str, ...] | None:
        """By which names access lists know who asks; None: an owner, who sees every document."""
        return reader_names(self.request)

    def may(self, act: Act) -> bool:
        """Whether who asks may do this. Only to leave out a button: the handler of the act asks
        again."""
        return self.credential.may(act)

    def path(self, name: str) -> str:
        """A part of the address: of ``/{id}``, the id."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, default)

    def queries(self, name: str) -> list[str]:
        """All values of a parameter of the address."""
        return [value for value in self.request.query_params.getlist(name) if value]

    def number(self, name: str, default: int, *, minimum: int = 0, maximum: int = 1_000_000) -> int:
        """A parameter of the address that is a number, brought within bounds."""
        text = self.query(name)
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            return default
        return max(minimum, min(int(text), maximum))

    async def form(self) -> FormData:
        """The fields that were posted; without files.

        Raises:
            HTTPException: 400, 413: it is no form, or too large.
        """
        request = limited(self.request, _FORM_BYTES, "a form without files is shorter")
        return await request.form(max_files=0, max_fields=_FORM_FIELDS)

    def text(self, message: str, **values: object) -> str:
        """A message in the language of who asks."""
        found = self.messages.gettext(message)
        return found % values if values else found

    def recorded(self, text: object) -> str:
        """What a record, an event or an error says in English, in the language of who asks."""
        return recorded_sentences(self.messages).translate(str(text))

    def render(self, template: str, status_code: int = 200, **values: Any) -> HTMLResponse:
        """A page, or a part of one that htmx puts into a page.

        Args:
            template: below the folder ``templates`` of the page's package.
        """
        answer = HTMLResponse(self.html(template, **values), status_code=status_code)
        if self._notice_shown:
            answer.delete_cookie(NOTICE_COOKIE, httponly=True, samesite="strict")
        return answer

    def html(self, template: str, **values: Any) -> str:
        """A template, filled."""
        return self.console.templates.render(self, template, values)

    def redirect(self, url: str, notice: str | None = None) -> Response:
        """On to a page after an act was done.

        Args:
            notice: what was done, shown above the page.
        """
        if self.request.headers.get("hx-request"):
            answer = Response(headers={"hx-redirect": url})
        else:
            answer = Response(status_code=303, headers={"location": url})
        if notice is not None:
            answer.set_cookie(
                NOTICE_COOKIE, quote(notice[:_MAX_NOTICE]), max_age=_NOTICE_SECONDS, httponly=True,
                samesite="strict", secure=self.request.url.scheme == "https",
            )  # fmt: skip
        return answer

    def events(self, events: AsyncIterator[str]) -> Response:
        """A stream of server-sent events that ends when the page is left or the service stops."""
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"x-accel-buffering": "no"}
        )

    def missing(self, message: str) -> HTTPException:
        """What to raise where nothing is at an address."""
        return HTTPException(404, message)


def event(name: str, html: str) -> str:
    """One server-sent event: htmx swaps its HTML into the element that waits for the name."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
