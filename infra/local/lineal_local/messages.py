"""Brings the console's catalogues up to date: ``python -m lineal_local.messages``.

Adds what pages say and a catalogue lacks, without a translation, and removes what no page says any
more. A translator then fills in ``msgstr``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).parents[3] / "console" / "lineal_console"
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "no"}}
_KEYWORDS = {
    "_": None, "gettext": None, "ngettext": (1, 2), "N_": None,
    "text": None,  # PageRequest.text
    "Page": (2,),  # the title of a page
}  # fmt: skip

Message = str | tuple[str, ...]


def extracted(package: Path = PACKAGE) -> Iterator[Message]:
    """Every message of a package's pages; one with a plural as a pair."""
    for _, _, message, _, _ in extract_from_dir(
        package, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS
    ):
        yield message if isinstance(message, str) else tuple(message)


def catalogue(language: str, package: Path = PACKAGE) -> Catalog:
    """A committed catalogue."""
    with (package / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, package: Path = PACKAGE) -> int:
    """Write the catalogue with exactly what is said; returns how many lack a translation."""
    old = catalogue(language, package)
    new = Catalog(locale=language, project="lineal", fuzzy=False)
    for message in extracted(package):
        known = old.get(message if isinstance(message, str) else message[0])
        new.add(message, known.string if known is not None else None)
    with (package / "locale" / f"{language}.po").open("wb") as file:
        write_po(file, new, sort_output=True, omit_header=False, no_location=True, width=100)
    return sum(1 for message in new if message.id and not _complete(message.string))


def _complete(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


if __name__ == "__main__":
    missing = update("de")
    print(f"de: {missing} without a translation", file=sys.stderr)
