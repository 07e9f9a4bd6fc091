"""Diagrams of architectures drawn by graphviz from a seed, with the services that are on them.

Some nodes have a service's icon and its name, some the icon and what it does there, some only the
name; beside them stand people, queues and the like, which are no services. Settings were chosen on
seeds from 5000; the benchmark has those from 1 to 100, recognised by the stage as it stands.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.diagrams.icons import icon_files, installed_icons
from lineal_local.environments import set_up_environment

SHARE_OF_ICONS_ALONE = 0.35
_DUTIES = (
    "resize images", "nightly report", "orders", "user profiles", "billing", "audit trail",
    "session data", "search index", "send mail", "payment events", "raw data", "web tier",
    "ingest", "thumbnails", "fraud check", "telemetry", "checkout", "catalogue",
)  # fmt: skip
_OTHERS = (
    "Customer", "Mobile app", "Browser", "Legacy system", "Batch file", "Operator", "Partner API",
    "Data warehouse team", "Web client", "Back office",
)  # fmt: skip
_GROUPS = ("Production", "Ingestion", "Private subnet", "Serving", "Region 1", "Analytics")
_FONTS = ("Helvetica", "DejaVu Sans", "Liberation Sans")


class DrawnDiagram(NamedTuple):
    """A diagram, and the services on it."""

    png: bytes
    services: frozenset[str]


class DrawnService(NamedTuple):
    """What a service can be drawn with."""

    names: tuple[str, ...]
    """Its name and its aliases."""
    icon: Path | None


def draw(seed: int, services: Mapping[str, DrawnService]) -> DrawnDiagram:
    """A diagram of three to ten services. Needs graphviz."""
    chance = random.Random(seed)
    chosen = chance.sample(sorted(services), chance.randint(3, 10))
    font = chance.choice(_FONTS)
    size = chance.choice((11, 12, 13, 14))
    icon_size = chance.choice((0.5, 0.7, 0.9, 1.1))
    nodes = [
        _service(f"s{number}", services[name], chance, icon_size)
        for number, name in enumerate(chosen)
    ]
    others = chance.sample(_OTHERS, chance.randint(1, 3))
    plain = [
        f'o{number} [shape=box style=rounded label="{text}"]' for number, text in enumerate(others)
    ]
    edges = _edges([f"s{n}" for n in range(len(nodes))], [f"o{n}" for n in range(len(others))],
                   chance)  # fmt: skip
    lines = [
        "digraph {",
        f"graph [rankdir={chance.choice(('LR', 'TB'))} splines={chance.choice(('ortho', 'spline'))}"
        f' pad=0.4 nodesep=0.6 ranksep=0.75 fontname="{font}" dpi={chance.choice((72, 96, 120))}]',
        f'node [fontname="{font}" fontsize={size}]',
        f'edge [color="{chance.choice(("#7B8894", "black", "#3366aa"))}"]',
    ]
    grouped = chance.randint(0, len(nodes) // 2)
    if grouped > 1:
        title = chance.choice(_GROUPS)
        colour = chance.choice(("#E5F5FD", "#EBF3E7", "#ECE8F6", "white"))
        lines.append(
            f'subgraph cluster_a {{ label="{title}" style=rounded bgcolor="{colour}" '
            f"{'; '.join(nodes[:grouped])} }}"
        )
        nodes = nodes[grouped:]
    source = "\n".join([*lines, *nodes, *plain, *edges, "}"])
    made = subprocess.run(
        ["dot", "-Tpng"], input=source.encode(), capture_output=True, check=True, timeout=60
    )
    return DrawnDiagram(made.stdout, frozenset(chosen))


def _service(node: str, service: DrawnService, chance: random.Random, icon: float) -> str:
    written = chance.choice(service.names)
    if service.icon is None or chance.random() < 0.3:
        shape = chance.choice(("box", "box", "cylinder", "component"))
        return f'{node} [shape={shape} label="{_broken(written, chance)}"]'
    text = written
    if chance.random() < SHARE_OF_ICONS_ALONE:
        text = chance.choice(_DUTIES)
    text = _broken(text, chance).replace("\\n", "<BR/>")
    points = round(icon * 72)
    return (
        f'{node} [shape=none margin=0 label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>'
        f'<TD FIXEDSIZE="TRUE" WIDTH="{points}" HEIGHT="{points}">'
        f'<IMG SCALE="TRUE" SRC="{service.icon}"/></TD></TR><TR><TD>{text}</TD></TR></TABLE>>]'
    )


def _broken(text: str, chance: random.Random) -> str:
    words = text.split()
    if len(words) > 2 or (len(words) == 2 and chance.random() < 0.3):
        middle = (len(words) + 1) // 2
        return " ".join(words[:middle]) + "\\n" + " ".join(words[middle:])
    return text


def _edges(services: Sequence[str], others: Sequence[str], chance: random.Random) -> list[str]:
    ends = [*others, *services]
    edges = [
        f"{chance.choice(ends[:number])} -> {end}" for number, end in enumerate(ends) if number
    ]
    more = chance.randint(0, 3)
    edges += [f"{a} -> {b}" for a, b in (chance.sample(ends, 2) for _ in range(more))]
    return edges


_SEEDS = range(1, 101)
_AT_ONCE = 10


def drawable() -> dict[str, DrawnService]:
    """All services of the vocabulary, with their icons of the installed icon set.

    Raises:
        RuntimeError: there is no icon set, or no graphviz to draw with.
    """
    if shutil.which("dot") is None:
        raise RuntimeError("graphviz is missing: apt install graphviz")
    from lineal_consumers.diagrams.vocabulary import vocabulary

    services = vocabulary(None)
    icons = {file.service: Path(file.path) for file in icon_files(services, None)}
    if not icons:
        raise RuntimeError("the icon set is missing: pip install 'lineal[diagram-icons]'")
    return {
        service.name: DrawnService((service.name, *service.aliases), icons.get(service.name))
        for service in services
    }


async def _recognised(diagrams: Sequence[DrawnDiagram]) -> list[set[str]]:
    """The services that the stage finds on each."""
    from io import BytesIO

    from lineal_cli.examples.example_run import ExampleRun
    from lineal_producers.arrival import store
    from lineal_schemas.diagrams import Appearance, DiagramFound, ImageFound

    found: list[set[str]] = [set() for _ in diagrams]
    with tempfile.TemporaryDirectory() as name:
        example = ExampleRun(Path(name) / "data")
        async with example.running(["diagrams"], {}):
            for number, diagram in enumerate(diagrams):
                content = await store(example.runtime, BytesIO(diagram.png), "image/png")
                await example.publish(
                    ImageFound(
                        url=f"https://example.org/{number}.png", content=content, crawled_us=1,
                        appearances=(Appearance(page="https://example.org/"),),
                    )
                )  # fmt: skip
                if number % _AT_ONCE == _AT_ONCE - 1:
                    await example.until_idle()
            await example.until_idle()
            for event in await example.events_of(DiagramFound):
                number = int(event.url.rpartition("/")[2].removesuffix(".png"))
                found[number] = {label.service for label in event.labels}
    return found


@contextmanager
def _icon_set() -> Iterator[None]:
    """The icon set, from an environment of its own where lineal's has none, for this process and
    those that it starts.

    Raises:
        Unavailable: it cannot be installed; says why.
    """
    if installed_icons() is not None:
        yield
        return
    library = set_up_environment("diagram-icons").parents[1] / "lib"
    with tempfile.TemporaryDirectory() as folder:
        # nothing but these: what else is installed there is of other versions than lineal's
        for part in ("diagrams", "resources"):
            [installed] = library.glob(f"python*/site-packages/{part}")
            (Path(folder) / part).symlink_to(installed)
        sys.path.append(folder)
        os.environ["PYTHONPATH"] = folder
        yield


def _measure() -> Sequence[Result]:
    with _icon_set():
        return _recognise_drawn()


def _recognise_drawn() -> Sequence[Result]:
    services = drawable()
    diagrams = [draw(seed, services) for seed in _SEEDS]
    found = asyncio.run(_recognised(diagrams))
    right = sum(len(d.services & seen) for d, seen in zip(diagrams, found, strict=True))
    wanted = sum(len(diagram.services) for diagram in diagrams)
    return [
        Result(
            name="quality.diagrams", value=right / wanted, unit="recall of services", goal=">= 0.9"
        ),
        Result(
            name="quality.diagrams_precision", value=right / max(1, sum(map(len, found))),
            unit="precision of services", goal=">= 0.95",
        ),
    ]  # fmt: skip


BENCHMARKS = [
    Benchmark(
        ("quality.diagrams", "quality.diagrams_precision"), _measure,
        limit_s=1200, timed=False, environments=("diagram-icons",),
    )
]  # fmt: skip
