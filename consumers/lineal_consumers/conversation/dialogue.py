"""What a dialogue's file declares: intents, their examples and slots, and what is replied."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lineal.errors import LinealError
from lineal_consumers.conversation.toml_lines import line_of, lines_of_keys
from lineal_consumers.conversation.wording import WORDINGS, Language
from lineal_schemas.conversations import IntentName, SlotValue, Utterance

SlotKind = Literal["date", "number", "choice", "text"]
_NAMED = re.compile(r"\{([^{}]*)\}")
_Text = Annotated[str, Field(min_length=1, max_length=2000)]


class WrongDialogue(LinealError, ValueError):
    """A dialogue's file cannot be used; the message says what is wrong, and on which line."""


class UnknownDialogue(WrongDialogue):
    """There is no file of this name."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slot(_Declared):
    """Something that has to be known before an intent can be fulfilled."""

    kind: SlotKind
    question: _Text
    title: str | None = None
    """What it is called when the person is asked what to change; its name unless given."""
    choices: dict[str, tuple[str, ...]] = {}
    """Of a choice: each with the other words that mean it."""
    minimum: float | None = None
    maximum: float | None = None
    """Of a number."""
    past: bool = False
    """Of a date: whether ``Monday`` is the last one rather than the next."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("a slot of kind choice, and no other, has choices")
        bounded = self.minimum is not None or self.maximum is not None
        if bounded and self.kind != "number":
            raise ValueError("only a number has a minimum and a maximum")
        return self


class Intent(_Declared):
    """Something that people want."""

    title: _Text
    """As in ``Back to: book an appointment``."""
    examples: Annotated[tuple[Utterance, ...], Field(min_length=2)]
    slots: dict[str, Slot] = {}
    """Asked for in this order."""
    confirm: _Text | None = None
    """A question with ``{slot}`` for values; without it nothing is confirmed."""
    fulfil: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")] | None = None
    """The task of ``fulfilment.requested``; without it the reply is all there is."""
    reply: _Text
    """When it is done: with ``{slot}``, and what the answer of the task holds."""
    failed: _Text | None = None
    """When the task could not be done."""


class Dialogue(_Declared):
    """A dialogue."""

    language: Language = "en"
    zone: str = "UTC"
    """In which days are counted: ``Europe/Berlin``."""
    greeting: _Text | None = None
    intents: Annotated[dict[IntentName, Intent], Field(min_length=1)]
    wording: dict[str, _Text] = {}
    """Sentences that replace those of the language."""

    def sentence(self, name: str, **values: object) -> str:
        """A sentence of the dialogue, or else of its language."""
        text = self.wording.get(name) or WORDINGS[self.language].sentences[name]
        return fill(text, {key: str(value) for key, value in values.items()})


def fill(template: str, values: dict[str, str]) -> str:
    """A template with the values of what it names; what has none is left out."""
    return _NAMED.sub(lambda found: values.get(found[1], ""), template).strip()


def shown(value: SlotValue) -> str:
    """A value as a person is shown it."""
    return f"{value:g}" if isinstance(value, float) else value


def parse_dialogue(text: str, name: str) -> Dialogue:
    """Read a dialogue.

    Args:
        name: of the file, for messages.

    Raises:
        WrongDialogue: it cannot be used; each problem with its line.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongDialogue(f"{name}: no TOML: {error}") from error
    lines = lines_of_keys(text)
    try:
        dialogue = Dialogue.model_validate(data)
    except ValidationError as error:
        problems = [(line_of(lines, one["loc"]), _problem(one)) for one in error.errors()]
    else:
        problems = [(line_of(lines, place), said) for place, said in _problems(dialogue)]
        if not problems:
            return dialogue
    raise WrongDialogue("\n".join(f"{name}:{line}: {said}" for line, said in sorted(problems)))


def _problem(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    return f"{place}: {said[0].lower()}{said[1:]}" if place else said


def _problems(dialogue: Dialogue) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong although each value is of its type: the place, and what."""
    try:
        ZoneInfo(dialogue.zone)
    except (ValueError, OSError):
        yield ("zone",), f"there is no time zone {dialogue.zone!r}"
    for name in dialogue.wording:
        if name not in WORDINGS["en"].sentences:
            there_are = ", ".join(WORDINGS["en"].sentences)
            yield ("wording", name), f"there is no sentence {name!r}; there are: {there_are}"
    seen: dict[str, str] = {}
    for name, intent in dialogue.intents.items():
        for place, example in enumerate(intent.examples):
            plain = " ".join(example.lower().split())
            if seen.setdefault(plain, name) != name:
                yield (
                    ("intents", name, "examples", place),
                    f"{example!r} is an example of {seen[plain]} too",
                )
        for key in ("confirm", "reply", "failed"):
            # An answer may bring what it likes, where there is one.
            free = key != "confirm" and intent.fulfil is not None
            for named in _NAMED.findall(getattr(intent, key) or ""):
                if named not in intent.slots and not (free and named.isidentifier()):
                    there_are = ", ".join(intent.slots) or "none"
                    yield (
                        ("intents", name, key),
                        f"{{{named}}} is no slot of {name}; there are: {there_are}",
                    )
        if intent.failed and intent.fulfil is None:
            yield ("intents", name, "failed"), "nothing can fail without fulfil"


def load_dialogue(folder: Path, name: str) -> Dialogue:
    """The dialogue of a name.

    Raises:
        UnknownDialogue: there is none; says which there are.
        WrongDialogue: it cannot be used.
    """
    file = folder / f"{name}.toml"
    try:
        changed = file.stat().st_mtime_ns
    except OSError as error:
        there_are = ", ".join(sorted(one.stem for one in folder.glob("*.toml"))) or "none"
        raise UnknownDialogue(f"there is no dialogue {name!r}; there are: {there_are}") from error
    return _loaded(file, changed)


@lru_cache(maxsize=64)
def _loaded(file: Path, changed_ns: int) -> Dialogue:
    try:
        return parse_dialogue(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise WrongDialogue(f"{file}: not UTF-8") from error
