"""``lineal link``: brings events from one region's bus to another's."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json, print_table

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_cli.service import Service
    from lineal_producers.regions.link_status import LinkStatus
    from lineal_producers.regions.mirror import Mirrored

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Links: bring events from one region's bus to another's: run, status.",
)
LinksArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LINK]...", help="Names under [regions.links]; all unless given."),
]


@app.command()
def run(
    links: LinksArgument = None,
    once: Annotated[bool, typer.Option("--once", help="Bring what there is now, and end.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run links as a daemon, until SIGTERM or Ctrl-C.

    `lineal up` runs all links of its settings too; of several processes one runs a link, and the
    others take over when it ends. With --json, prints one JSON line when it is ready.
    """
    from lineal_cli.lifetime import run_in_loop

    settings = load_settings(data)
    if not once:
        run_in_loop(_run(settings, links or [], as_json))
        return
    done = asyncio.run(_run_once(settings, links or []))
    if as_json:
        print_json({name: dataclasses.asdict(mirrored) for name, mirrored in done.items()})
        return
    for name, mirrored in done.items():
        typer.echo(f"{name}: {_said(mirrored)}")
        for event_id, reason in mirrored.rejected.items():
            typer.echo(f"  rejected {plain(event_id)}: {reason}")


def _said(mirrored: Mirrored) -> str:
    parts = [f"{count_of(mirrored.brought, 'event')} brought"]
    for name in ("known", "returning", "erased"):
        if count := getattr(mirrored, name):
            parts.append(f"{count} {name}")
    return ", ".join(parts)


async def _run(settings: Settings, links: list[str], as_json: bool) -> None:
    from lineal.producers import Producer
    from lineal_cli.daemon_command import run_daemon
    from lineal_producers.regions.producer import LINKS, LinkProducer
    from lineal_producers.regions.settings import RegionSettings

    regions = settings.section(RegionSettings)
    for name in links:
        regions.link(name)

    async def ready(service: Service) -> dict[str, Any]:
        return {"links": links or sorted(regions.links)}

    chosen = Producer(
        LINKS.name, LINKS.title, lambda runtime: LinkProducer(runtime, links), LINKS.wanted
    )
    await run_daemon("link", settings, [], ready, port=None, as_json=as_json, producers=[chosen])


async def _run_once(settings: Settings, links: list[str]) -> dict[str, Mirrored]:
    from lineal.runtime import open_runtime
    from lineal_producers.process_lock import ProcessLock
    from lineal_producers.regions.link import Link, link_group
    from lineal_producers.regions.settings import RegionSettings

    done = {}
    async with open_runtime(settings) as runtime:
        for name in links or sorted(settings.section(RegionSettings).links):
            link = Link(runtime, name)
            lock = ProcessLock(Path(settings.data) / f"{link_group(name)}.lock")
            if not lock.acquire():
                raise CommandFailed(f"another process runs link {name}: `lineal link status`")
            try:
                done[name] = await link.run_once()
            finally:
                lock.release()
    return done


@app.command()
def status(
    links: LinksArgument = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show how far links are."""
    found = asyncio.run(_status(load_settings(data), links or []))
    if as_json:
        print_json([dataclasses.asdict(item) for item in found])
        return
    print_table(
        ("link", "from", "to", "running", "lag", "brought", "rejected", "problem"),
        [
            (
                item.link, item.source, item.target, "yes" if item.running else "no",
                _figure(item.lag), _figure(item.brought), _figure(item.rejected),
                item.problem or "",
            )
            for item in found
        ],
        right=frozenset({"lag", "brought", "rejected"}),
        empty="No link is set: name one under [regions.links.NAME] in lineal.toml.",
    )  # fmt: skip


def _figure(value: int | None) -> str:
    return "away" if value is None else f"{value:,}"


async def _status(settings: Settings, links: list[str]) -> list[LinkStatus]:
    from lineal.runtime import open_runtime
    from lineal_producers.regions.link_status import link_statuses

    async with open_runtime(settings) as runtime:
        return await link_statuses(runtime, links)
