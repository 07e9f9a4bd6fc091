"""``lineal examples run articles``: an article is read aloud, changed, and read aloud again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun
    from lineal_schemas.articles import AudioPublished

_STAGES = ("articles.scatter", "articles.speak", "articles.gather")
_TEXT = """# The library opens again

The library opens again on 2026-12-05, after 18 months. Dr. Jones cut the ribbon.

## What is new

- 40 places to read, e.g. by the window
- a café, with tea from $3

Come in, says the director. The <sub alias="world wide web">WWW</sub> can wait.
"""


async def show(example: ExampleRun) -> list[str]:
    """An article is spoken by paragraphs, and after a change only what has changed."""
    from lineal_producers.articles.feed import feed_of
    from lineal_schemas.articles import AudioPublished

    settings = {"articles": {"lexicon": {"café": "caffay"}}}
    async with example.running(_STAGES, settings):
        example.report("an article of six paragraphs is published ...")
        await _publish(example, _TEXT, 1)
        await example.until(AudioPublished, 1)
        example.report("one sentence is changed ...")
        await _publish(example, _TEXT.replace("40 places", "60 places"), 2)
        await example.until(AudioPublished, 2)
        first, second = await example.events_of(AudioPublished)
        await _write(example, second)
        feed = feed_of([second], "https://example.org/pod", "Example")
        (example.folder / "feed.xml").write_bytes(feed)
    return [
        f"{first.paragraphs} paragraphs were spoken side by side by {first.voice}: "
        f"{first.seconds:.0f} s of audio",
        f"after the change {second.spoken_anew} of {second.paragraphs} was spoken anew",
        "article.mp3, article.opus and feed.xml are in the folder, and marks.json says when each "
        "sentence is spoken",
    ]


async def _publish(example: ExampleRun, text: str, published_us: int) -> None:
    from io import BytesIO

    from lineal_producers.arrival import store
    from lineal_schemas.articles import ArticleHead, ArticlePublished

    content = await store(example.runtime, BytesIO(text.encode()), "text/markdown")
    head = ArticleHead(
        title="The library opens again", language="en", published_us=published_us * 1_000_000
    )
    await example.publish(ArticlePublished(article_id="library", head=head, content=content))


async def _write(example: ExampleRun, audio: AudioPublished) -> None:
    files = {"article.mp3": audio.mp3, "article.opus": audio.opus, "marks.json": audio.marks}
    for name, ref in files.items():
        if ref is not None:
            (example.folder / name).write_bytes(await example.runtime.objects.get(ref))
