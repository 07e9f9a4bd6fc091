"""What every dialogue can say and understand, by language."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Language = Literal["en", "de"]
Control = Literal["yes", "no", "cancel", "resume", "person", "greeting"]
"""What is understood whatever the intents are."""


class Wording(NamedTuple):
    """Words of a language."""

    sentences: dict[str, str]
    controls: dict[Control, frozenset[str]]
    numbers: dict[str, int]


_EN = Wording(
    sentences={
        "greeting": "Hello. What can I do for you?",
        "unknown": "I do not know that. I have noted it for a person.",
        "person": "I have noted it for a person.",
        "contact": "How can you be reached: an address or a telephone number?",
        "contact_again": "That is neither an e-mail address nor a telephone number. Which is it? "
        "Say no to leave it out.",
        "contact_noted": "Thank you. Somebody will answer.",
        "contact_left_out": "All right.",
        "not_a_date": "I take that for no date.",
        "not_a_number": "I take that for no number.",
        "not_a_choice": "Please choose: {choices}.",
        "too_small": "It is at least {limit}.",
        "too_large": "It is at most {limit}.",
        "confirm_again": "Please say yes or no.",
        "change": "What shall be changed: {slots}?",
        "cancelled": "I have dropped it: {title}.",
        "nothing_open": "Nothing is open. What can I do for you?",
        "resumed": "We were at: {title}.",
        "back": "Back to: {title}.",
        "accepted": "I am on it.",
        "failed": "That could not be done: {reason}",
        "paused": "Something is still open: {title}. Say 'go on' to go on with it.",
    },
    controls={
        "yes": frozenset(
            ("yes", "y", "yes please", "yeah", "yep", "ok", "okay", "sure", "correct", "right",
             "that's right", "do it", "please do", "fine")
        ),
        "no": frozenset(("no", "n", "nope", "no thanks", "no thank you", "wrong", "not quite")),
        "cancel": frozenset(
            ("cancel", "cancel that", "stop", "never mind", "nevermind", "forget it", "drop it",
             "quit")
        ),
        "resume": frozenset(
            ("go on", "go on where we were", "continue", "resume", "where were we", "carry on",
             "let's go on", "pick up where we left off")
        ),
        "person": frozenset(
            ("person", "a person", "a person please", "human", "a human please", "operator",
             "agent", "i want to talk to a person", "let me talk to a person",
             "i want to talk to a human", "talk to a human", "talk to a person")
        ),
        "greeting": frozenset(("hello", "hi", "hey", "good morning", "good evening", "hi there")),
    },
    numbers={
        "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
        "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    },
)  # fmt: skip
_DE = Wording(
    sentences={
        "greeting": "Guten Tag. Was kann ich für Sie tun?",
        "unknown": "Das weiß ich nicht. Ich habe es für einen Menschen notiert.",
        "person": "Ich habe es für einen Menschen notiert.",
        "contact": "Wie sind Sie zu erreichen: E-Mail-Adresse oder Telefonnummer?",
        "contact_again": "Das ist weder eine E-Mail-Adresse noch eine Telefonnummer. Welche ist "
        "es? Sagen Sie nein, um sie wegzulassen.",
        "contact_noted": "Danke. Jemand wird antworten.",
        "contact_left_out": "In Ordnung.",
        "not_a_date": "Das verstehe ich nicht als Datum.",
        "not_a_number": "Das verstehe ich nicht als Zahl.",
        "not_a_choice": "Bitte wählen Sie: {choices}.",
        "too_small": "Es ist mindestens {limit}.",
        "too_large": "Es ist höchstens {limit}.",
        "confirm_again": "Bitte sagen Sie ja oder nein.",
        "change": "Was soll geändert werden: {slots}?",
        "cancelled": "Ich habe es verworfen: {title}.",
        "nothing_open": "Nichts ist offen. Was kann ich für Sie tun?",
        "resumed": "Wir waren bei: {title}.",
        "back": "Zurück zu: {title}.",
        "accepted": "Ich kümmere mich darum.",
        "failed": "Das ging nicht: {reason}",
        "paused": "Etwas ist noch offen: {title}. Sagen Sie 'weiter', um fortzufahren.",
    },
    controls={
        "yes": frozenset(
            ("ja", "j", "ja bitte", "jawohl", "ok", "okay", "gut", "richtig", "stimmt", "genau",
             "gerne")
        ),
        "no": frozenset(("nein", "n", "nein danke", "falsch", "nicht ganz", "nee")),
        "cancel": frozenset(
            ("abbrechen", "abbruch", "stopp", "stop", "vergiss es", "vergessen sie es", "egal")
        ),
        "resume": frozenset(
            ("weiter", "weitermachen", "mach weiter", "machen wir weiter", "wo waren wir",
             "fortfahren", "weiter wo wir waren")
        ),
        "person": frozenset(
            ("mensch", "ein mensch", "einen menschen bitte", "mitarbeiter",
             "ich will mit einem menschen sprechen", "mit einem menschen sprechen")
        ),
        "greeting": frozenset(("hallo", "guten tag", "guten morgen", "guten abend", "moin")),
    },
    numbers={
        "null": 0, "ein": 1, "eine": 1, "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5,
        "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf": 12,
    },
)  # fmt: skip
WORDINGS: dict[Language, Wording] = {"en": _EN, "de": _DE}
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def plain(text: str) -> str:
    """Lower case, single spaces, nothing but words at both ends."""
    from unicodedata import normalize

    text = normalize("NFKC", text).lower().replace("’", "'")
    return " ".join(_EDGES.sub("", text).split())


def control_of(text: str, language: Language) -> Control | None:
    """What of the words that every dialogue understands a text is."""
    words = plain(text).replace(",", "")
    return next((name for name, them in WORDINGS[language].controls.items() if words in them), None)
