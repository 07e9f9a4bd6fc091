"""``lineal crawl``: images of web pages onto the bus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_producers.crawl.crawling import CrawlResult
    from lineal_producers.crawl.settings import SiteSettings


def crawl(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Pages to begin with.")],
    depth: Annotated[
        int | None, typer.Option("--depth", min=0, help="Links from the first pages: 5.")
    ] = None,
    pages: Annotated[int | None, typer.Option("--pages", min=1, help="At most: 2000.")] = None,
    delay: Annotated[
        float | None,
        typer.Option("--delay", min=0, metavar="SECONDS", help="Between two requests: 1."),
    ] = None,
    image_hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--image-host", metavar="HOST", help="Images may come from it, too; may be given again."
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Hosts of the own network may be asked.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Crawl web pages, and put the images on them on the bus.

    It stays on the hosts of the pages given, and does as robots.txt says. What has not changed
    since the last crawl is not fetched again; what is gone is announced as gone.
    """
    from pydantic import ValidationError

    from lineal_producers.crawl.settings import CrawlSettings, SiteSettings, WrongSite

    settings = load_settings(data)
    given: dict[str, Any] = {
        "max_depth": depth, "max_pages": pages, "delay": delay, "image_hosts": image_hosts,
        "private_addresses": private or None,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    try:
        sites = settings.section(CrawlSettings).sites
        site = next((one for one in sites if set(one.urls) == set(urls)), None)
        known = {} if site is None else site.model_dump()
        chosen = SiteSettings.model_validate({**known, "urls": urls, **given})
    except WrongSite as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise typer.BadParameter("; ".join(problems)) from error
    result = asyncio.run(_crawl(settings, chosen))
    if as_json:
        from dataclasses import asdict

        from lineal_cli.printing import print_json

        print_json(asdict(result))
    else:
        _report(result)
    if not result.pages:
        raise CommandFailed("no page was read: the reasons stand above")


def _report(result: CrawlResult) -> None:
    typer.echo(
        f"{result.pages} pages, {result.unchanged_pages} of them unchanged; {result.images} images "
        f"new or changed, {result.unchanged_images} unchanged, {result.gone} gone"
    )
    if result.traps or result.disallowed:
        typer.echo(
            f"left out: {result.traps} links that lead on for ever, {result.disallowed} that are "
            "not allowed"
        )
    if result.left_out:
        typer.echo(f"left out: {', '.join(result.left_out)}: these fail in every crawl")
    for reason in result.failures[:10]:
        typer.echo(reason, err=True)
    if len(result.failures) > 10:
        typer.echo(f"and {len(result.failures) - 10} more", err=True)


async def _crawl(settings: Settings, site: SiteSettings) -> CrawlResult:
    from lineal.access.senders import require_acting
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_cli.printing import on_terminal
    from lineal_producers.crawl.crawling import crawl_site

    configure_logging("error", settings.log_format)

    def progress(url: str) -> None:
        if on_terminal():
            typer.echo(url, err=True)

    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "publish")
        return await crawl_site(runtime, site, by.actor, progress=progress)
