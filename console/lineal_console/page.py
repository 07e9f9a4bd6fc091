"""What a page is: its address, its place in the navigation, who may see it, and its handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from starlette.responses import Response

from lineal.access.acts import Act
from lineal.plugins import SkippedPlugin, log_skipped, plugins

if TYPE_CHECKING:
    from lineal_console.page_request import PageRequest

ENTRY_POINTS = "lineal.pages"

Section = Literal["documents", "review", "media", "flow", "models", "system"]
"""Under which heading the navigation lists a page."""

Handler: TypeAlias = "Callable[[PageRequest], Awaitable[Response]]"
Method = Literal["GET", "POST"]


class PageRoute(NamedTuple):
    """A handler below a page's address."""

    method: Method
    path: str
    """Below the page's own: empty, or ``/{id}``."""
    act: Act
    handler: Handler


class Page:
    """A page, and everything below its address.

    Args:
        path: below ``/console/``; empty for the first page, at ``/``.
        title: what the navigation and the heading call it, in English; looked up in the messages.
        act: who may do this sees it. Its handlers ask for this act too, unless they name another.
        section: where the navigation lists it; None: nowhere, other pages link to it.
        order: within the section, the smallest first.
        package: whose folders ``templates``, ``static`` and ``locale`` the page uses.
    """

    def __init__(
        self,
        path: str,
        title: str,
        *,
        act: Act = "read",
        section: Section | None = None,
        order: int = 50,
        package: str = "lineal_console",
    ) -> None:
        self.path = path
        self.title = title
        self.act: Act = act
        self.section = section
        self.order = order
        self.package = package
        self.routes: list[PageRoute] = []

    @property
    def url(self) -> str:
        """The address that the navigation links to."""
        return f"/console/{self.path}" if self.path else "/"

    def get(self, path: str = "", *, act: Act | None = None) -> Callable[[Handler], Handler]:
        """Declare what answers GET at an address below the page's: it looks and changes nothing."""
        return self._add("GET", path, act)

    def post(self, path: str = "", *, act: Act | None = None) -> Callable[[Handler], Handler]:
        """Declare what answers POST at an address below the page's: it changes something."""
        return self._add("POST", path, act)

    def _add(self, method: Method, path: str, act: Act | None) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.routes.append(PageRoute(method, path, act or self.act, handler))
            return handler

        return declare


def installed_pages() -> list[Page]:
    """All pages of installed packages, in the order of the navigation. An entry point names a
    :class:`Page`, or several in a tuple; one that names anything else is said and left out."""
    found: list[Page] = []
    broken: list[SkippedPlugin] = []
    for name, item in plugins(ENTRY_POINTS).loaded.items():
        pages = (item,) if isinstance(item, Page) else item
        if isinstance(pages, tuple | list) and all(isinstance(page, Page) for page in pages):
            found += pages
        else:
            reason = f"{type(item).__name__} is no Page"
            broken.append(SkippedPlugin(ENTRY_POINTS, name, repr(item), "broken", reason))
    log_skipped(broken)
    return sorted(found, key=lambda page: (page.order, page.path))
