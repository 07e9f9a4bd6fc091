"""Templates of pages: Jinja2 with every value escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from lineal_console.drawn_lineage import made_nothing
from lineal_console.messages import LANGUAGES, Messages
from lineal_console.page import Page
from lineal_console.recorded import recorded_sentences
from lineal_console.visible_text import html_with_visible_turns
from lineal_schemas.envelope import now_us

if TYPE_CHECKING:
    from lineal_console.page_request import PageRequest

_SECTIONS = ("documents", "review", "media", "flow", "models", "system")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_MICROSECONDS = 1_000_000
_OFFICE = "application/vnd.openxmlformats-officedocument."
_FILE_TYPES = {
    f"{_OFFICE}wordprocessingml.document": "Word",
    f"{_OFFICE}spreadsheetml.sheet": "Excel",
    f"{_OFFICE}presentationml.presentation": "PowerPoint",
}
"""Media types that are longer than what they are called."""


class Templates:
    """The templates of all packages with pages, each below its package's name."""

    def __init__(self, pages: Sequence[Page], packages: tuple[str, ...]) -> None:
        self._pages = pages
        self._packages = packages
        self._environments: dict[str, Environment] = {}

    def render(self, request: PageRequest, template: str, values: dict[str, Any]) -> str:
        """Fill a template of the package of the request's page."""
        navigation = {"may": request.may, "sections": self._navigation(request)}
        return self.render_anonymous(request, template, **navigation, **values)

    def render_anonymous(self, request: PageRequest, template: str, **values: Any) -> str:
        """Fill a template that nobody has to be logged in for."""
        environment = self._environment(request.messages)
        name = f"{request.page.package}/{template}"
        context = {
            "request": request,
            "page": request.page,
            "language": request.messages.language,
            "languages": LANGUAGES,
            "theme": request.request.cookies.get("lineal_theme", "auto"),
            "here": request.request.url.path,
        }
        return html_with_visible_turns(environment.get_template(name).render(context | values))

    def _navigation(self, request: PageRequest) -> list[tuple[str, list[Page]]]:
        """The sections with the pages that who asks may see."""
        shown = [page for page in self._pages if page.section and request.may(page.act)]
        found = [(name, [page for page in shown if page.section == name]) for name in _SECTIONS]
        return [(name, pages) for name, pages in found if pages]

    def _environment(self, messages: Messages) -> Environment:
        found = self._environments.get(messages.language)
        if found is None:
            found = self._environments[messages.language] = _environment(messages, self._packages)
        return found


def _environment(messages: Messages, packages: tuple[str, ...]) -> Environment:
    environment = Environment(
        loader=PrefixLoader({name: PackageLoader(name) for name in packages}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        messages.gettext, messages.ngettext, newstyle=True
    )
    environment.globals["asset"] = asset
    environment.globals["made_nothing"] = made_nothing
    environment.filters.update(_filters(messages))
    return environment


def _filters(messages: Messages) -> dict[str, Callable[..., Any]]:
    locale = messages.locale

    def when(time: int) -> Markup:
        """Microseconds since the Unix epoch as a time, which scripts turn into the local one."""
        moment = datetime.fromtimestamp(time / _MICROSECONDS, UTC)
        shown = format_datetime(moment, "medium", locale=locale)
        return Markup('<time datetime="{}">{} UTC</time>').format(moment.isoformat(), shown)

    def ago(time: int) -> Markup:
        moment = datetime.fromtimestamp(time / _MICROSECONDS, UTC)
        distance = timedelta(microseconds=time - now_us())
        shown = format_timedelta(distance, add_direction=True, locale=locale)
        return Markup('<time datetime="{}" title="{} UTC" data-relative>{}</time>').format(
            moment.isoformat(), format_datetime(moment, "medium", locale=locale), shown
        )

    def size(count: int | None) -> str:
        """Bytes, for people."""
        if count is None:
            return ""
        amount, unit = float(count), 0
        while amount >= 1000 and unit < len(_UNITS) - 1:
            amount, unit = amount / 1000, unit + 1
        pattern = "#,##0" if unit == 0 or amount >= 100 else "#,##0.#"
        return f"{format_decimal(amount, pattern, locale=locale)} {_UNITS[unit]}"

    def number(value: float | None, digits: int | None = None) -> str:
        """A figure, with so many digits behind the point; None: as it is."""
        if value is None:
            return ""
        pattern = None if digits is None else f"#,##0.{'0' * digits}" if digits else "#,##0"
        return format_decimal(value, pattern, locale=locale)

    def compact(value: float) -> str:
        return format_compact_decimal(value, locale=locale, fraction_digits=1)

    def percent(value: float) -> str:
        """A share; what is nearly all is not called all, nor what is nearly nothing, nothing."""
        about = round(value, 3)
        if about == 1 and value < 1:
            return f"> {format_percent(0.999, '0.0%', locale=locale)}"
        if about == 0 and value > 0:
            return f"< {format_percent(0.001, '0.0%', locale=locale)}"
        return format_percent(value, "#,##0.#%", locale=locale)

    def duration(seconds: float) -> str:
        if seconds < 1:
            return f"{format_decimal(seconds * 1000, '#,##0', locale=locale)} ms"
        if seconds < 120:
            return f"{format_decimal(seconds, '#,##0.#', locale=locale)} s"
        return format_timedelta(timedelta(seconds=seconds), locale=locale)

    def commands(text: str) -> Markup:
        """A message with what stands between backticks as code."""
        parts = text.split("`")
        return Markup("").join(
            Markup("<code>{}</code>").format(part) if place % 2 else part
            for place, part in enumerate(parts)
        )

    def exact(value: float | None) -> str:
        """A figure with four digits behind the point, at most."""
        return "" if value is None else format_decimal(value, "#,##0.####", locale=locale)

    def language(code: str) -> str:
        """What a language is called, by its code."""
        return messages.gettext("unknown") if code == "und" else locale.languages.get(code, code)

    return {
        "commands": commands,
        "file_type": lambda media_type: _FILE_TYPES.get(media_type, media_type),
        "language": language,
        "recorded": recorded_sentences(messages).translate,
        "exact": exact,
        "when": when,
        "ago": ago,
        "size": size,
        "number": number,
        "compact": compact,
        "percent": percent,
        "duration": duration,
        "short": lambda text: text[:10],
    }


@cache
def asset(name: str, package: str = "lineal_console") -> str:
    """The address of a file in the folder ``static`` of a package, which changes with it."""
    content = (files(package) / "static" / name).read_bytes()
    return f"/static/{package}/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
