"""espeak-ng as a voice: a program of the system, under the GPL, run as a process of its own."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

from lineal.errors import PermanentFailure

_PROGRAM = "espeak-ng"
_HEADER_BYTES = 44
_SECONDS = 60


class Espeak:
    """The engine."""

    def version(self) -> str:
        return _version()

    def speak(self, ssml: str, voice: str, words_per_minute: int) -> bytes:
        _version()
        done = subprocess.run(
            [_PROGRAM, "-m", "-b", "1", "-v", voice, "-s", str(words_per_minute), "--stdin",
             "--stdout"],
            input=ssml.encode(), capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode or len(done.stdout) <= _HEADER_BYTES:
            problem = done.stderr.decode(errors="replace").strip()[:200]
            raise PermanentFailure(f"{_PROGRAM} did not speak with voice {voice}: {problem}")
        audio = done.stdout[_HEADER_BYTES:]
        return audio[: len(audio) // 2 * 2]


@cache
def _version() -> str:
    if shutil.which(_PROGRAM) is None:
        raise PermanentFailure(
            f"{_PROGRAM} is not installed: `apt-get install {_PROGRAM}`, then "
            "`lineal dead redrive articles.speak`"
        )
    said = subprocess.run([_PROGRAM, "--version"], capture_output=True, text=True, check=False)
    for word in said.stdout.split():
        if word[:1].isdigit():
            return f"{_PROGRAM} {word}"
    return _PROGRAM


ENGINE = Espeak()
