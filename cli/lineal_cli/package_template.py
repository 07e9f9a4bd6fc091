"""The package that ``lineal new`` makes: its parts, its names, and the files it is written from.

The files are in ``new_package`` beside this module. In them ``$package`` is the name of the
package, ``$module`` that of its module, ``$title`` what its classes begin with, and ``$words`` what
people read.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import NamedTuple

_FILES = Path(__file__).parent / "new_package"
_SUFFIX = ".template"
_MODULE = "module"
"""The folder of the files that become the package's module."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_MAX_NAME = 40
_RULE = f"a package's name is small letters and digits, words joined by - (at most {_MAX_NAME})"


class _Part(NamedTuple):
    files: tuple[str, ...]
    entry_points: tuple[tuple[str, str], ...]
    """Groups, and what the package's name stands for in each."""
    needs: tuple[str, ...] = ()
    readme: str = ""


PARTS: dict[str, _Part] = {
    "events": _Part(
        ("module/events.py",),
        (("lineal.events", "$module.events"),),
        readme="`$module/events.py`: events, each with its type, which is its topic.",
    ),
    "stages": _Part(
        ("module/stage.py", "tests/test_stage.py"),
        (("lineal.stages", "$module.stage:check"),),
        ("events",),
        readme="`$module/stage.py`: the stage `$module` takes `$module.received` and makes "
        "`$module.checked`. Its settings stand under `[stages.$module]`.",
    ),
    "projections": _Part(
        ("module/projection.py", "tests/test_projection.py"),
        (("lineal.projections", "$module.projection:TOTALS"),),
        ("stages",),
        readme="`$module/projection.py`: a table of what the stage has done, which `lineal "
        "rebuild` makes again from the ledger.",
    ),
    "producers": _Part(
        ("module/producer.py", "module/settings.py", "tests/test_producer.py"),
        (
            ("lineal.producers", "$module.producer:HEARTBEAT"),
            ("lineal.settings", "$module.settings:${title}Settings"),
        ),
        ("events",),
        readme="`$module/producer.py`: publishes an event every `every_seconds` of `[$module]` in "
        "`lineal.toml`; 0, the default, is never.",
    ),
    "commands": _Part(
        ("module/command.py", "tests/test_command.py"),
        (("lineal.commands", "$module.command:COMMAND"),),
        ("projections",),
        readme="`$module/command.py`: `lineal $package` prints the table.",
    ),
    "pages": _Part(
        ("module/page.py", "module/templates/totals.html", "tests/test_page.py"),
        (("lineal.pages", "$module.page:TOTALS_PAGE"),),
        ("projections",),
        readme="`$module/page.py`: the table as a page of the console, at `/console/$package`.",
    ),
}
"""What a package can bring, by the name of the part."""


def needed_parts(wanted: Collection[str]) -> list[str]:
    """The parts that are wanted and those that these need, in the order of :data:`PARTS`.

    Raises:
        KeyError: there is no such part.
    """
    found: set[str] = set()
    queue = list(wanted)
    while queue:
        part = queue.pop()
        if part not in found:
            found.add(part)
            queue += PARTS[part].needs
    return [part for part in PARTS if part in found]


def module_of(package: str) -> str:
    """What a package is imported by."""
    return package.replace("-", "_")


def name_problem(package: str) -> str:
    """Why a package cannot have this name, and what would be one; empty if it can."""
    if not _NAME.fullmatch(package) or len(package) > _MAX_NAME:
        rule = (
            f"a package's name is small letters and digits, words joined by - (at most {_MAX_NAME})"
        )
        nearest = _nearest(package)
        return f"{rule}; {nearest} would be one" if nearest else rule
    module = module_of(package)
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        return f"{module} is a word of Python: name it {package}-events, say"
    if module in sys.stdlib_module_names or find_spec(module) is not None or _is_installed(package):
        return f"there is a package {module} already: name it my-{package}, say"
    return _taken(package, module)


def _nearest(package: str) -> str:
    words = re.findall(r"[a-z][a-z0-9]*", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", package).lower())
    return "-".join(words)[:_MAX_NAME].rstrip("-")


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _taken(package: str, module: str) -> str:
    """What lineal, or an installed package, calls so."""
    from lineal.settings import all_settings
    from lineal.stages.discovery import installed_stages
    from lineal_cli.main import commands

    taken = {
        "command": commands().keys(),
        "stage": installed_stages().keys(),
        "setting": all_settings().model_fields.keys(),
    }
    for kind, names in taken.items():
        if package in names or module in names:
            return f"there is a {kind} {module} already: name the package my-{package}, say"
    return ""


def write_package(folder: Path, package: str, parts: Sequence[str]) -> list[str]:
    """Write the files of a package, and return their paths in the folder.

    Args:
        folder: made if it is missing.
        parts: as :func:`needed_parts` gives them.

    Raises:
        FileExistsError: one of the files is there.
    """
    module = module_of(package)
    names = {
        "package": package,
        "module": module,
        "title": "".join(word.capitalize() for word in package.split("-")),
        "words": package.replace("-", " ").capitalize(),
    }
    names |= {
        "entry_points": Template(_entry_points(parts)).substitute(names),
        "extras": "[console]" if "pages" in parts else "",
        "contents": "\n".join(
            f"- {Template(PARTS[part].readme).substitute(names)}" for part in parts
        ),
    }
    files = ["pyproject.toml", "README.md", "module/__init__.py"]
    files += [file for part in parts for file in PARTS[part].files]
    written = []
    for file in files:
        top, _, rest = file.partition("/")
        path = f"{module}/{rest}" if top == _MODULE else file
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = Template((_FILES / f"{file}{_SUFFIX}").read_text()).substitute(names)
        with (folder / path).open("x") as made:
            made.write(text)
        written.append(path)
    return written


def _entry_points(parts: Sequence[str]) -> str:
    blocks = []
    for part in parts:
        for group, target in PARTS[part].entry_points:
            extra = " [console]" if part == "pages" else ""
            blocks.append(f'[project.entry-points."{group}"]\n$module = "{target}{extra}"\n')
    return "\n".join(blocks)
