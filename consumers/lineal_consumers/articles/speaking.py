"""What worker processes do for articles: read, speak, encode."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lineal.errors import PermanentFailure
from lineal_consumers.articles.blocks import read_article
from lineal_consumers.articles.sentences import sentences_of
from lineal_consumers.articles.voices import SAMPLE_RATE, find_voice
from lineal_schemas.articles import BlockKind, Language, SentenceMark, SpokenSentence

_BYTES_PER_SECOND = SAMPLE_RATE * 2
_BETWEEN_SENTENCES = 0.25
_AFTER: dict[BlockKind, float] = {
    "heading": 0.8, "paragraph": 0.6, "item": 0.4, "quotation": 0.6,
}  # fmt: skip
_ENCODE_SECONDS = 600


class ReadBlock(NamedTuple):
    """A block with what is spoken of it."""

    kind: BlockKind
    sentences: tuple[SpokenSentence, ...]


class ReadArticle(NamedTuple):
    """An article as it is spoken."""

    blocks: list[ReadBlock]
    left_out: int


class SpokenParagraph(NamedTuple):
    """A paragraph's WAV file, and when its sentences are spoken."""

    audio: bytes
    marks: list[SentenceMark]


class EncodedArticle(NamedTuple):
    """An article's audio; of encoders that are not installed, the names."""

    mp3: bytes | None
    opus: bytes | None
    missing: list[str]
    seconds: float
    starts: list[float]
    """When each paragraph begins."""


def read(
    content: bytes, media_type: str, language: Language, lexicon: Mapping[str, str]
) -> ReadArticle:
    """What is spoken of an article.

    Raises:
        ValueError: it cannot be read.
    """
    article = read_article(content, media_type)
    blocks = [
        ReadBlock(block.kind, sentences)
        for block in article.blocks
        if (sentences := sentences_of(block.runs, language, lexicon))
    ]
    return ReadArticle(blocks, article.left_out)


def voice_version(engine: str) -> str:
    """Name and version of what speaks."""
    return find_voice(engine).version()


def speak_paragraph(
    engine: str, voice: str, language: str, sentences: Sequence[SpokenSentence], pace: int
) -> SpokenParagraph:
    """Speak the sentences of a paragraph, one after another."""
    speaker = find_voice(engine)
    spoken, marks, at = [], [], 0.0
    for sentence in sentences:
        ssml = f'<speak version="1.1" xml:lang="{language}">{sentence.ssml}</speak>'
        audio = speaker.speak(ssml, voice, pace)
        length = len(audio) / _BYTES_PER_SECOND
        marks.append(
            SentenceMark(text=sentence.text, start=round(at, 3), end=round(at + length, 3))
        )
        silence = bytes(int(_BETWEEN_SENTENCES * SAMPLE_RATE) * 2)
        spoken += [audio, silence]
        at += length + len(silence) / _BYTES_PER_SECOND
    return SpokenParagraph(_wave(b"".join(spoken[:-1])), marks)


def encode_article(
    parts: Sequence[bytes], kinds: Sequence[BlockKind], mp3_kbit: int, opus_kbit: int
) -> EncodedArticle:
    """Join paragraphs and encode them.

    Raises:
        PermanentFailure: neither encoder is installed, or one fails.
    """
    joined, starts, size = [], [], 0
    for part, kind in zip(parts, kinds, strict=True):
        starts.append(round(size / _BYTES_PER_SECOND, 3))
        with wave.open(io.BytesIO(part)) as file:
            audio = file.readframes(file.getnframes())
        pause = bytes(int(_AFTER[kind] * SAMPLE_RATE) * 2)
        joined += [audio, pause]
        size += len(audio) + len(pause)
    whole = _wave(b"".join(joined))
    opus = _encoded(["opusenc", "--quiet", "--serial", "1", "--discard-comments", "--bitrate",
                     str(opus_kbit), "-", "-"], whole)  # fmt: skip
    mp3 = _encoded(["lame", "--quiet", "-m", "m", "-b", str(mp3_kbit), "-", "-"], whole)
    missing = [name for name, made in (("opusenc", opus), ("lame", mp3)) if made is None]
    if len(missing) == 2:
        raise PermanentFailure(
            "neither opusenc nor lame is installed: `apt-get install opus-tools lame`, then "
            "`lineal dead redrive articles.gather`"
        )
    return EncodedArticle(mp3, opus, missing, round(size / _BYTES_PER_SECOND, 3), starts)


def _encoded(command: list[str], audio: bytes) -> bytes | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(
        command, input=audio, capture_output=True, timeout=_ENCODE_SECONDS, check=False
    )
    if done.returncode or not done.stdout:
        problem = done.stderr.decode(errors="replace").strip()[:200]
        raise PermanentFailure(f"{command[0]} failed: {problem}")
    return done.stdout


def _wave(audio: bytes) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio)
    return made.getvalue()
