"""Words of somebody's own that an engine writes in another way: set right by how they sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineal_consumers.transcribe.stabilisation import RecognizedWord


def with_vocabulary(
    words: Sequence[RecognizedWord], vocabulary: Mapping[str, Sequence[str]], *, last: bool
) -> tuple[RecognizedWord, ...]:
    """A hypothesis in which what sounds like a word of the vocabulary is that word.

    Args:
        vocabulary: words, each with what engines take it for: ``{"Kubernetes": ["cooper net
            ease"]}``.
        last: nothing comes after it. Else words at its end that may become one of the vocabulary
            are marked as open.
    """
    spellings = sorted(
        (
            (tuple(sounds.lower().split()), word)
            for word, many in vocabulary.items()
            for sounds in many
        ),
        key=lambda pair: (-len(pair[0]), pair),
    )
    texts = tuple(word.text.lower() for word in words)
    found: list[RecognizedWord] = []
    place = 0
    while place < len(words):
        for spelling, word in spellings:
            end = place + len(spelling)
            if spelling and texts[place:end] == spelling:
                found.append(_joined(words[place:end], word))
                place = end
                break
        else:
            rest = texts[place:]
            may_grow = not last and any(spelling[: len(rest)] == rest for spelling, _ in spellings)
            found.append(words[place]._replace(open=may_grow))
            place += 1
    return tuple(found)


def _joined(words: Sequence[RecognizedWord], text: str) -> RecognizedWord:
    written = words[-1].punctuated
    ending = written[len(written.rstrip(".,?!;:")) :]
    return RecognizedWord(
        text=text,
        start=words[0].start,
        end=words[-1].end,
        confidence=min(word.confidence for word in words),
        punctuated=text + ending if written else "",
    )
