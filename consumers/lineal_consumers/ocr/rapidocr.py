"""Recognition by RapidOCR, where it is installed: a network that reads photos as a person does.

Without its line classifier, which garbles long lines. Its models are those of one release, known
by their digests: other weights under their names are not used.
"""

from __future__ import annotations

from functools import cache
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal.lineage.record import UsedArtifact
from lineal.workers.memory import release_memory
from lineal_consumers.ocr import tesseract
from lineal_consumers.ocr.reading_time import seconds_left
from lineal_consumers.ocr.tesseract import DetectedWord

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

NAME = "rapidocr"
_DIGESTS = {
    "PP-OCRv6_det_small": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
_ALPHABETS = frozenset(
    {
        "afr", "cat", "ces", "chi_sim", "chi_tra", "cym", "dan", "deu", "eng", "est", "eus", "fin",
        "fra", "gle", "glg", "hrv", "hun", "ind", "isl", "ita", "jpn", "lat", "lav", "lit", "ltz",
        "mlt", "msa", "nld", "nor", "oci", "pol", "por", "ron", "slk", "slv", "spa", "sqi", "swa",
        "swe",
    }
)  # fmt: skip
"""Languages whose letters it knows: Latin, Chinese and Japanese."""
SCRIPTS = frozenset({"", "Latin", "Han", "Japanese", "Hiragana", "Katakana"})
"""As orientation detection names them, none where it cannot tell."""
_MAX_SIDE = 1600
_DETECTION_SIDE = 800
"""Pixels of the longer side of the image in which lines are looked for. 1280 finds no more, and
takes 200 MB more."""
_MIN_SIDE = 8
"""Pixels. What is lower, or narrower, holds no letters, and RapidOCR enlarges it to 30 pixels and
makes a square of it: gigabytes for a long line."""
_NARROW, _WIDE = frozenset("iljI.,:;'|!()[]tfr1"), frozenset("mwMW@%&")


def is_installed() -> bool:
    """Whether RapidOCR is installed with the models that are known."""
    return bool(_models())


def reads(language: str) -> bool:
    """Whether it knows the letters of Tesseract's languages, joined by ``+``."""
    return all(name in _ALPHABETS for name in language.split("+"))


def models() -> list[UsedArtifact]:
    """The engine's models by digest; empty if it is not installed."""
    return [
        UsedArtifact(f"{NAME}/{name}", version(NAME), _DIGESTS[name]) for name in sorted(_models())
    ]


def describe() -> str:
    """Which engine reads photos, and how to install this one if it is missing."""
    if is_installed():
        return f"RapidOCR {engine_version()} reads photos that tesseract reads badly"
    return "read by tesseract alone; `pip install 'lineal[photos]'` reads hard ones better"


def engine_version() -> str:
    return version(NAME)


@cache
def _models() -> dict[str, Path]:
    try:
        version(NAME)
    except PackageNotFoundError:
        return {}
    if find_spec("onnxruntime") is None:
        return {}
    spec = find_spec(NAME)
    if spec is None or spec.origin is None:
        return {}
    found = {}
    for name, digest in _DIGESTS.items():
        file = Path(spec.origin).parent / "models" / f"{name}.onnx"
        if not file.is_file():
            return {}
        with file.open("rb") as data:
            if file_digest(data, "sha256").hexdigest() != digest:
                return {}
        found[name] = file
    return found


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    class Reader(RapidOCR):
        """Returns what looking for lines took before they are read: 100 MB."""

        def recognize_txt(self, *args: Any, **options: Any) -> Any:
            release_memory()
            return super().recognize_txt(*args, **options)

    files = _models()
    return Reader(
        params={
            "Global.use_cls": False,
            "Global.log_level": "critical",
            "Global.max_side_len": _MAX_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.model_path": str(files["PP-OCRv6_det_small"]),
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTION_SIDE,
            "Rec.model_path": str(files["PP-OCRv6_rec_small"]),
            # Lines of one batch are padded to the longest: one by one takes half the time and
            # 450 MB less.
            "Rec.rec_batch_num": 1,
        }
    )


def recognize(gray: Gray) -> list[DetectedWord]:
    """The words of a straightened image, row by row, in its pixels.

    Raises:
        TimeoutError: the page has had its time.
    """
    import cv2
    import numpy as np

    seconds_left()
    scale = min(1.0, _MAX_SIDE / max(gray.shape))
    small = gray
    if scale < 1:
        small = np.asarray(
            cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    if min(small.shape) < _MIN_SIDE:
        return []
    tesseract.release_engines()
    found = _engine()(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
    release_memory()
    if getattr(found, "boxes", None) is None:
        return []
    lines = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        sides = np.asarray(corners, np.float64) / scale
        left, top = sides.min(axis=0).tolist()
        right, bottom = sides.max(axis=0).tolist()
        lines.append(_words(text, float(score), (left, top, right, bottom)))
    return _in_rows([line for line in lines if line])


def _in_rows(lines: list[list[DetectedWord]]) -> list[DetectedWord]:
    """Lines from the top, those that are level with one another as one."""
    rows: list[list[DetectedWord]] = []
    for line in sorted(lines, key=lambda one: one[0].top + one[0].bottom):
        middle = (line[0].top + line[0].bottom) / 2
        last = rows[-1] if rows else None
        if last and abs((last[0].top + last[0].bottom) / 2 - middle) < 0.4 * (
            last[0].bottom - last[0].top
        ):
            last += line
        else:
            rows.append(line)
    return [
        word._replace(new_line=place == 0)
        for row in rows
        for place, word in enumerate(sorted(row, key=lambda one: one.left))
    ]


def _words(text: str, score: float, box: tuple[float, float, float, float]) -> list[DetectedWord]:
    """The words of a line, which share its width by their letters."""
    left, top, right, bottom = box
    widths = [_width(character) for character in text]
    pixel = (right - left) / max(sum(widths), 1e-6)
    words: list[DetectedWord] = []
    at = left
    begin, letters = left, ""
    for character, width in zip(f"{text} ", [*widths, 0.0], strict=True):
        if not character.isspace():
            if not letters:
                begin = at
            letters += character
        elif letters:
            words.append(
                DetectedWord(
                    letters, score, begin, top, at, bottom, new_line=False, new_paragraph=False
                )
            )
            letters = ""
        at += width * pixel
    return words


def _width(character: str) -> float:
    if character in _NARROW:
        return 0.5
    if character.isspace():
        return 0.55
    return 1.5 if character in _WIDE else 1.25 if character.isupper() else 1.0
