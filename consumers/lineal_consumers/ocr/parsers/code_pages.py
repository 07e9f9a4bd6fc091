"""Which code page some bytes are in, by the letters that they make in each.

Statistics over whole languages (charset-normalizer) need more text than a table of names has, and
know neither DOS nor the Macintosh. Here every code page has the letters that are common in the
languages it is for; where the bytes make these, inside words, they are in it.
"""

from __future__ import annotations

import string

_WESTERN = {
    "éäöüàèßçáíóñãâêôåøæÄÖÜÉÅØ": 1.0, "õúîïëœûÀÁÇÍÓÚÑÆ": 0.9, "ùìòÿýðþŒÊÈÕÃÂÔ¿¡": 0.5,
    "“”‘’–—…€£§°«»": 0.8, "½¼¾": 0.5, "º·´±²³©®": 0.3,
}  # fmt: skip
_CENTRAL = {
    "ąćęłńóśźżčěřšůžáéíýäöüőŁŚŻŽČŠŘ": 1.0, "ďňťúôăâîşţđŞŢÁÍÉÓÄÖÜŐűĄĆĘŃŹĎŇŤÚÝ": 0.9,
    "ľßç": 0.8, "ĺŕ": 0.4, "“”„‘’–—…€§°«»": 0.8,
}  # fmt: skip
_CYRILLIC = {
    "абвгдежзийклмнопрстуфхцчшщъыьэюя": 1.0, "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ": 0.6,
    "ёіїєґЁІЇЄҐ№": 0.6, "“”‘’–—…«»": 0.6, "„": 0.3,
}  # fmt: skip
_GREEK = {
    "αβγδεζηθικλμνξοπρςστυφχψω": 1.0, "άέήίόύώ": 1.0, "ΐΰϊϋ": 0.6,
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ": 0.6, "“”‘’–—…«»·": 0.6,
}  # fmt: skip
_TURKISH = {"ğışçöüİĞŞÇÖÜ": 1.0, "âîû": 0.8, "“”‘’–—…€": 0.8}
_HEBREW = {"אבגדהוזחטיכלמנסעפצקרשתםןךףץ": 1.0, "“”‘’–—…״׳": 0.6}
_ARABIC = {"ابتثجحخدذرزسشصضطظعغفقكلمنهوي": 1.0, "أإآةىئؤء،؛؟پچژگ": 0.9}
_BALTIC = {"ąčęėįšųūžāēģīķļņ": 1.0, "ĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅõäöüÕÄÖÜ": 0.9, "„“–—…": 0.8}

_PAGES: tuple[tuple[str, dict[str, float]], ...] = (
    ("cp1252", _WESTERN), ("cp1250", _CENTRAL), ("cp1251", _CYRILLIC), ("koi8_r", _CYRILLIC),
    ("cp1253", _GREEK), ("cp1254", _TURKISH), ("cp1255", _HEBREW), ("cp1256", _ARABIC),
    ("cp1257", _BALTIC), ("iso8859_2", _CENTRAL), ("iso8859_5", _CYRILLIC),
    ("cp850", _WESTERN), ("cp437", _WESTERN), ("mac_roman", _WESTERN), ("cp852", _CENTRAL),
    ("cp866", _CYRILLIC), ("mac_cyrillic", _CYRILLIC), ("cp737", _GREEK), ("cp862", _HEBREW),
    ("iso8859_15", _WESTERN), ("iso8859_6", _ARABIC), ("mac_latin2", _CENTRAL),
)  # fmt: skip
"""The likelier first: where two are level, it is taken."""
_WEIGHTS = {
    name: {letter: weight for letters, weight in groups.items() for letter in letters}
    for name, groups in _PAGES
}
_ENOUGH = 0.75
_FEW_VOWELS = 0.28
_CLEARLY = 0.01
_LETTERS = frozenset(string.ascii_letters)


def code_page(sample: bytes) -> str | None:
    """The code page that the bytes beyond ASCII are in; None where none fits well."""
    best, best_score = None, 0.0
    for name, _ in _PAGES:
        score = _score(sample.decode(name, "replace"), _WEIGHTS[name])
        if score > best_score + (_CLEARLY if best else 0.0):
            best, best_score = name, score
    return best if best_score >= _ENOUGH else None


def _score(text: str, weights: dict[str, float]) -> float:
    """How well the characters beyond ASCII fit: their weights, less where they stand oddly."""
    total = 0.0
    count = 0
    before = " "
    for at, character in enumerate(text):
        if character > "\x7f":
            count += 1
            weight = weights.get(character, 0.0)
            if character.isalpha():
                after = text[at + 1] if at + 1 < len(text) else " "
                if character.isupper() and before.islower():
                    weight *= 0.2
                elif _foreign(character, before, after):
                    weight *= 0.5
            total += weight
        before = character
    if "ж" in weights and _vowels(text) < _FEW_VOWELS:
        total *= 0.7
    return total / count if count else 0.0


def _vowels(text: str) -> float:
    """The share of vowels among Cyrillic letters: four tenths in Russian; few where Hebrew was
    taken for it."""
    letters = [c for c in text.lower() if "а" <= c <= "ё"]
    return sum(c in "аеиоуыэюяё" for c in letters) / len(letters) if letters else 1.0


def _foreign(character: str, before: str, after: str) -> bool:
    """Whether a letter stands alone, or beside letters of another alphabet."""
    if not before.isalpha() and not after.isalpha():
        return True
    latin = character < "\u0250"
    return not latin and (before in _LETTERS or after in _LETTERS)
