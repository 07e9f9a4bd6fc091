"""Splits a text into the word pieces of BERT's uncased English vocabulary.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2018 (section 3) and
Wu et al., "Google's Neural Machine Translation System", 2016 (section 4.1): the longest piece of
the vocabulary first. ``wordpieces.txt.gz`` is that vocabulary, one piece a line (Apache-2.0).
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

_PADDING, _UNKNOWN, _BEGIN, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_LONGEST_WORD = 100
_TOKEN = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]|[^\W_]+|[^\w\s]|_"
)


def word_pieces(text: str, longest: int) -> list[int]:
    """The numbers of a text's pieces, between the marks of begin and end.

    Args:
        longest: so many at most, with both marks; the rest is left out.
    """
    pieces = _vocabulary()
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Mn")
    found = [pieces[_BEGIN]]
    for token in _TOKEN.findall(plain):
        found.extend(_pieces_of(token))
        if len(found) >= longest:
            break
    return [*found[: longest - 1], pieces[_END]]


def padding() -> int:
    """The number that fills shorter texts up."""
    return _vocabulary()[_PADDING]


@lru_cache(maxsize=65_536)
def _pieces_of(word: str) -> tuple[int, ...]:
    pieces = _vocabulary()
    unknown = (pieces[_UNKNOWN],)
    if len(word) > _LONGEST_WORD:
        return unknown
    found: list[int] = []
    begin = 0
    while begin < len(word):
        end = len(word)
        while end > begin:
            number = pieces.get(("##" if begin else "") + word[begin:end])
            if number is not None:
                break
            end -= 1
        else:
            return unknown
        found.append(number)
        begin = end
    return tuple(found)


@cache
def _vocabulary() -> dict[str, int]:
    data = files(__package__).joinpath("wordpieces.txt.gz").read_bytes()
    return {
        piece: number for number, piece in enumerate(gzip.decompress(data).decode().split("\n"))
    }
