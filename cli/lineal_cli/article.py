"""``lineal article``: publishes articles to be read aloud, lists them, and writes a feed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lineal_cli.idle_stages import check_dead_letters, idle_stages_running
from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_schemas.articles import AudioPublished

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Articles read aloud: publish one, list what can be listened to, write a feed.",
)
_STAGES = ("articles.scatter", "articles.speak", "articles.gather")
_LOOK_SECONDS = 0.1


@app.command()
def publish(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Markdown, HTML or plain text, by its ending.")
    ],
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="The file's name unless given.")
    ] = None,
    language: Annotated[Literal["en", "de"], typer.Option(help="Of the text.")] = "en",
    article: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The file's name unless given.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where it can be read.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Until it can be listened to; does the work where nobody is."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish an article, to be read aloud; only paragraphs that are new are spoken."""
    from lineal_producers.articles.publication import MEDIA_TYPES

    if not file.is_file():
        raise typer.BadParameter(f"there is no file {str(file)!r}", param_hint="FILE")
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        known = ", ".join(sorted(MEDIA_TYPES))
        raise typer.BadParameter(f"its name has to end with {known}", param_hint="FILE")
    name = article or re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem).strip("-._") or "article"
    folder = load_settings(data).data
    content = file.read_bytes()
    head = {"title": title or file.stem, "language": language, "url": url}
    made = asyncio.run(_publish(folder, name, head, content, media_type, wait))
    if as_json:
        print_json({"article_id": name} if made is None else made.model_dump(mode="json"))
    elif made is None:
        typer.echo(f"{name}: on the bus; `lineal article list` shows when it can be listened to")
    else:
        typer.echo(
            f"{name}: {made.seconds:.1f} s, {made.paragraphs} paragraphs, {made.spoken_anew} "
            "spoken anew"
        )


async def _publish(
    folder: Path, name: str, head: dict[str, Any], content: bytes, media_type: str, wait: bool
) -> AudioPublished | None:
    from lineal.access.senders import require_acting
    from lineal.observability.logging import configure_logging
    from lineal.runtime import open_runtime
    from lineal_producers.articles.publication import publish_article
    from lineal_schemas.articles import ArticleHead
    from lineal_schemas.envelope import now_us

    settings = load_settings(folder)
    configure_logging("error", settings.log_format)
    async with open_runtime(settings) as runtime:
        by = await require_acting(runtime.store, "publish")
        begun = now_us()
        await publish_article(
            runtime, name, ArticleHead(published_us=begun, **head), content, media_type, by
        )
        return await _spoken(runtime, name, begun) if wait else None


async def _spoken(runtime: Runtime, name: str, begun: int) -> AudioPublished:
    """Wait for the audio of an article, doing what no other process does."""
    from lineal_producers.articles.publication import published_audio

    async with idle_stages_running(runtime, _STAGES):
        while True:
            audio = (await published_audio(runtime, name)).get(name)
            if audio is not None and audio.head.published_us >= begun:
                return audio
            await check_dead_letters(runtime, _STAGES, f"article:{name}", begun)
            await asyncio.sleep(_LOOK_SECONDS)


@app.command("list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the articles that can be listened to, the newest first."""
    found = list(asyncio.run(_published(existing_data(data))).values())
    if as_json:
        print_json([audio.model_dump(mode="json") for audio in found])
        return
    print_table(
        ("article", "title", "language", "seconds", "paragraphs", "formats"),
        [
            (audio.article_id, audio.head.title, audio.head.language, f"{audio.seconds:.1f}",
             str(audio.paragraphs),
             ", ".join(n for n, ref in (("mp3", audio.mp3), ("opus", audio.opus)) if ref))
            for audio in found
        ],
        right=frozenset({"seconds", "paragraphs"}),
        empty="No article was spoken yet: `lineal article publish FILE` publishes one.",
    )  # fmt: skip


async def _published(folder: Path) -> dict[str, AudioPublished]:
    from lineal.runtime import open_runtime
    from lineal_producers.articles.publication import published_audio

    async with open_runtime(load_settings(folder)) as runtime:
        return await published_audio(runtime)


@app.command()
def feed(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the files are written.")
    ],
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where that folder is served.")
    ],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Of the feed.")] = (
        "Articles"
    ),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a folder that any web server can serve: feed.xml, audio, and marks to read along."""
    written = asyncio.run(_write_feed(existing_data(data), output, base_url, title))
    if as_json:
        print_json({"feed": str(output / "feed.xml"), "articles": written})
    else:
        typer.echo(f"{output / 'feed.xml'}: {written} articles")


async def _write_feed(folder: Path, output: Path, base_url: str, title: str) -> int:
    from lineal.runtime import open_runtime
    from lineal_producers.articles.feed import feed_of
    from lineal_producers.articles.publication import published_audio

    async with open_runtime(load_settings(folder)) as runtime:
        found = await published_audio(runtime)
        for audio in found.values():
            files = {"audio.mp3": audio.mp3, "audio.opus": audio.opus, "marks.json": audio.marks}
            for name, ref in files.items():
                if ref is not None:
                    content = await runtime.objects.get(ref)
                    await asyncio.to_thread(_write, output / audio.article_id / name, content)
        # last: who reads the feed finds what it names
        made = feed_of(found.values(), base_url, title)
        await asyncio.to_thread(_write, output / "feed.xml", made)
        return len(found)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
