"""Understands an utterance: its intent, and the values of slots in it. Run in a worker process."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.conversation.dialogue import Dialogue, Slot, load_dialogue
from lineal_consumers.conversation.values import Found, Problem, covers_text, find_value
from lineal_consumers.conversation.wording import Control, control_of
from lineal_schemas.conversations import SlotValue

if TYPE_CHECKING:
    from lineal_consumers.conversation.intent_model import IntentModel

_MAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>().]{2,}")
_TELEPHONE = re.compile(r"\+?\d[\d\s/().-]{4,20}\d")


class Interpretation(NamedTuple):
    """What was understood of an utterance."""

    text: str
    control: Control | None = None
    intent: str | None = None
    """The most likely one; None: it is like nothing that is known."""
    confidence: float = 0.0
    values: tuple[tuple[str, SlotValue], ...] = ()
    """Of the slots of that intent, by name: what the text has of them by the way."""
    answer: SlotValue | None = None
    """The value of the slot that was asked for."""
    complete: bool = False
    """Whether the text is hardly more than that."""
    problem: str | None = None
    """Why the answer is none: a sentence of the dialogue, ..."""
    limit: str = ""
    """... and the limit that it names."""
    changes: tuple[tuple[str, SlotValue], ...] = ()
    """Of the slots of what is being talked about: values in the text."""
    contact: str | None = None
    """An e-mail address or a telephone number in the text."""


def interpret(
    text: str, folder: Path, name: str, model: str | None, now_us: int, intent: str | None,
    slot: str | None,
) -> Interpretation:  # fmt: skip
    """Understand an utterance.

    Args:
        folder: of the dialogues.
        name: of the dialogue.
        model: the file of the model in use; None: the dialogue's examples tell intents.
        now_us: when it was said, microseconds since the Unix epoch.
        intent: what is being talked about.
        slot: what was asked for.

    Raises:
        WrongDialogue: there is no such dialogue, or it cannot be used.
    """
    dialogue = load_dialogue(folder, name)
    model_used = _of_examples(dialogue) if model is None else _loaded(model)
    classified = model_used.classify(text)
    likely = None
    if classified.confidence > 0 and classified.intent in dialogue.intents:
        likely = classified.intent
    found = Interpretation(
        text=text,
        control=control_of(text, dialogue.language),
        intent=likely,
        confidence=round(classified.confidence, 4) if likely else 0.0,
        contact=_contact(text),
    )
    if likely:
        slots = dialogue.intents[likely].slots
        found = found._replace(values=_values(text, slots, dialogue, now_us))
    if intent is None or intent not in dialogue.intents:
        return found
    slots = dialogue.intents[intent].slots
    found = found._replace(changes=_values(text, slots, dialogue, now_us))
    if slot in slots:
        answer = find_value(text, slots[slot], dialogue, now_us, asked=True)
        if isinstance(answer, Found):
            return found._replace(answer=answer.value, complete=covers_text(text, answer))
        if isinstance(answer, Problem):
            return found._replace(problem=answer.sentence, limit=answer.named.get("limit", ""))
    return found


def _values(
    text: str, slots: dict[str, Slot], dialogue: Dialogue, now_us: int
) -> tuple[tuple[str, SlotValue], ...]:
    """What a text has of slots by the way: dates first, whose digits are no numbers, then choices,
    then numbers."""
    order = {"date": 0, "choice": 1, "number": 2, "text": 3}
    found = {}
    for name, slot in sorted(slots.items(), key=lambda item: order[item[1].kind]):
        value = find_value(text, slot, dialogue, now_us, asked=False)
        if isinstance(value, Found):
            found[name] = value.value
            text = text.replace(value.words, " ", 1)
    return tuple(found.items())


def _contact(text: str) -> str | None:
    found = _MAIL.search(text) or _TELEPHONE.search(text)
    return None if found is None else found[0].strip()


@lru_cache(maxsize=8)
def _loaded(path: str) -> IntentModel:
    """By path: objects are kept under their digest and never change."""
    from lineal_consumers.conversation.intent_model import load_model

    return load_model(Path(path).read_bytes())


def _of_examples(dialogue: Dialogue) -> IntentModel:
    return _model_of(
        tuple((text, name) for name, one in dialogue.intents.items() for text in one.examples)
    )


@lru_cache(maxsize=32)
def _model_of(examples: tuple[tuple[str, str], ...]) -> IntentModel:
    from lineal_consumers.conversation.intent_model import model_of_examples

    return model_of_examples(examples)
