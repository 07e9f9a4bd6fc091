"""Articles as audio: marks, formats, and only what has changed is spoken anew."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import orjson
import pytest

from lineal.testing import StageHarness
from lineal_consumers.articles.stage import gather, scatter, speak
from lineal_schemas.articles import ArticleHead, ArticlePublished, AudioPublished

needs_programs = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("espeak-ng", "opusenc", "lame")),
    reason="needs espeak-ng, opusenc and lame: apt-get install espeak-ng opus-tools lame",
)


def decode(mp3: bytes) -> bytes:
    """A WAV file of it."""
    command = ["lame", "--quiet", "--decode", "--mp3input", "-", "-"]
    return subprocess.run(command, input=mp3, capture_output=True, check=True).stdout


TEXT = "# News\n\nThe first sentence. And a second one.\n\nAnother paragraph.\n\n- an item\n"


async def publish(harness: StageHarness, text: str, title: str = "News") -> AudioPublished | None:
    content = await harness.put(text.encode(), "text/markdown")
    head = ArticleHead(title=title, language="en", published_us=1)
    made = await harness.send(ArticlePublished(article_id="news", head=head, content=content))
    found = [one for one in made if isinstance(one, AudioPublished)]
    return found[0] if found else None


@needs_programs
async def test_an_article_is_spoken_with_marks_to_read_along() -> None:
    async with StageHarness(scatter, speak, gather) as harness:
        audio = await publish(harness, TEXT)
        assert harness.dead_letters == []
        assert audio is not None and audio.mp3 is not None and audio.opus is not None
        assert (audio.paragraphs, audio.spoken_anew) == (4, 4)
        assert (await harness.get(audio.opus)).startswith(b"OggS")
        mp3 = await harness.get(audio.mp3)
        assert mp3[:3] == b"ID3" or mp3[0] == 0xFF
        marks = orjson.loads(await harness.get(audio.marks))
        assert [mark["text"] for mark in marks] == [
            "News", "The first sentence.", "And a second one.", "Another paragraph.", "an item",
        ]  # fmt: skip
        assert [mark["paragraph"] for mark in marks] == [0, 1, 1, 2, 3]
        times = [time for mark in marks for time in (mark["start"], mark["end"])]
        assert times == sorted(times)
        assert times[-1] <= audio.seconds
        decoded = await asyncio.to_thread(decode, mp3)
        seconds = (len(decoded) - 44) / 44100
        assert abs(seconds - audio.seconds) < 0.2


@needs_programs
async def test_only_a_changed_paragraph_is_spoken_anew() -> None:
    async with StageHarness(scatter, speak, gather) as harness:
        await publish(harness, TEXT)
        again = await publish(harness, TEXT.replace("Another", "One more"))
        assert again is not None
        assert (again.paragraphs, again.spoken_anew) == (4, 1)
        inserted = await publish(harness, "Before all.\n\n" + TEXT)
        assert inserted is not None
        assert (inserted.paragraphs, inserted.spoken_anew) == (5, 1)
        renamed = await publish(harness, TEXT, title="Other news")
        assert renamed is not None
        assert (renamed.head.title, renamed.spoken_anew) == ("Other news", 0)


async def test_an_article_without_words_is_refused() -> None:
    async with StageHarness(scatter, speak, gather) as harness:
        assert await publish(harness, "```\ncode\n```\n") is None
        assert "nothing" in harness.dead_letters[0].message
