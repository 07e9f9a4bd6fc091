"""Recognition in a worker process, which keeps a few utterances open.

Each call is given all audio of its utterance. A process that has heard the beginning already goes
on from there; any other hears it all again. So the answer does not depend on which process is
asked, nor on one that was killed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineal_consumers.transcribe.engines import Recognition, find_engine
from lineal_consumers.transcribe.stabilisation import RecognizedWord
from lineal_consumers.transcribe.vocabulary import with_vocabulary

_MAX_OPEN = 8


@dataclass(slots=True)
class _Open:
    recognition: Recognition
    heard: bytes


_open: OrderedDict[str, _Open] = OrderedDict()


def recognize(
    engine: str,
    vocabulary: Mapping[str, Sequence[str]],
    utterance: str,
    audio: bytes,
    last: bool,
) -> tuple[RecognizedWord, ...]:
    """The words of an utterance so far.

    Args:
        utterance: identifies it, in any process.
        audio: all of it so far: 16-bit PCM of one channel, 16,000 samples a second.
        last: nothing comes after it.
    """
    found = _open.pop(utterance, None)
    if found is None or not audio.startswith(found.heard):
        found = _Open(find_engine(engine).open(tuple(vocabulary)), b"")
    found.recognition.add(audio[len(found.heard) :])
    found.heard = audio
    if last:
        return with_vocabulary(found.recognition.finish(), vocabulary, last=True)
    _open[utterance] = found
    while len(_open) > _MAX_OPEN:
        _open.popitem(last=False)
    return with_vocabulary(found.recognition.words(), vocabulary, last=False)
