"""Whatever people say in whatever order: one reply, no value lost or of somebody else's intent."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lineal_consumers.conversation.checkpoint import Checkpoint
from lineal_consumers.conversation.dialogue import load_dialogue
from lineal_consumers.conversation.interpretation import interpret
from lineal_consumers.conversation.turn import Rules, Turn, pause
from lineal_consumers.conversation.turns import take_turn

DIALOGUE = """
[intents.pizza]
title = "a pizza"
examples = ["I want a pizza", "order a pizza for me", "bring me pizza"]
confirm = "{number} of {kind}, to {street}?"
fulfil = "pizza.order"
reply = "It comes."
[intents.pizza.slots]
kind = { kind = "choice", question = "Which?", choices = { margherita = [], funghi = [] } }
number = { kind = "number", question = "How many?", minimum = 1, maximum = 9 }
street = { kind = "text", question = "Where to?" }

[intents.complaint]
title = "a complaint"
examples = ["I have a complaint", "I want to complain about cold food", "this is a complaint"]
fulfil = "complaint.file"
reply = "We are sorry."
[intents.complaint.slots]
what = { kind = "text", question = "What was wrong?" }

[intents.hours]
title = "hours"
examples = ["when do you open", "what are your opening hours", "when do you close"]
reply = "Always."
"""
RULES = Rules(min_confidence=0.4, digression=0.6, attempts=3)
OPENINGS = {"pizza": "I want a pizza", "complaint": "I have a complaint"}


class Conversation(RuleBasedStateMachine):
    """A person, and what they have said of each intent since it was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        Path(self.folder.name, "food.toml").write_text(DIALOGUE)
        self.dialogue = load_dialogue(Path(self.folder.name), "food")
        self.checkpoint = Checkpoint()
        self.given: dict[str, dict[str, str | float]] = {}
        self.turns = 0
        self.last: Turn | None = None

    def teardown(self) -> None:
        self.folder.cleanup()

    def say(self, text: str) -> Turn:
        frame = self.checkpoint.frames[-1] if self.checkpoint.frames else None
        self.turns += 1
        found = interpret(
            text, Path(self.folder.name), "food", None, 0,
            frame.intent if frame else None, frame.asked if frame else None,
        )  # fmt: skip
        turn = take_turn(self.dialogue, self.checkpoint, found, RULES, str(self.turns))
        assert turn.text
        for request in turn.requests:
            intent = "pizza" if request.task == "pizza.order" else "complaint"
            assert request.slots == self.given.pop(intent)
            assert set(request.slots) == set(self.dialogue.intents[intent].slots)
        # It survives being kept.
        self.checkpoint = Checkpoint.model_validate_json(turn.checkpoint.model_dump_json())
        self.last = turn
        return turn

    @property
    def asked(self) -> str | None:
        return self.last.expects if self.last and self.checkpoint.is_open else None

    @property
    def about(self) -> str | None:
        return self.checkpoint.frames[-1].intent if self.checkpoint.frames else None

    @rule(intent=st.sampled_from(sorted(OPENINGS)))
    def begin(self, intent: str) -> None:
        if intent in {frame.intent for frame in self.checkpoint.paused}:
            self.given.pop(intent)  # begun anew
        self.say(OPENINGS[intent])
        assert self.about == intent
        self.given.setdefault(intent, {})

    @rule()
    def ask_by_the_way(self) -> None:
        before = self.about
        turn = self.say("when do you open")
        assert "Always." in turn.text
        assert self.about == before

    @precondition(lambda self: self.asked in ("kind", "number", "street", "what"))
    @rule(kind=st.sampled_from(["margherita", "funghi"]), number=st.integers(1, 9))
    def answer(self, kind: str, number: int) -> None:
        slot, about = self.asked or "", self.about or ""
        values: dict[str, tuple[str, str | float]] = {
            "kind": (kind, kind), "number": (f"{number} please", float(number)),
            "street": (f"Mill Lane {number}",) * 2, "what": (f"a hair, {kind}",) * 2,
        }  # fmt: skip
        said, value = values[slot]
        self.given[about][slot] = value
        self.say(said)

    @precondition(lambda self: self.asked == "confirmation")
    @rule()
    def confirm(self) -> None:
        assert len(self.say("yes").requests) == 1

    @precondition(lambda self: self.asked == "confirmation")
    @rule(kind=st.sampled_from(["margherita", "funghi"]))
    def change(self, kind: str) -> None:
        self.given["pizza"]["kind"] = kind
        self.say("no")
        assert self.asked == "change"
        assert kind in self.say(f"the kind: {kind}").text or self.asked == "kind"
        if self.asked == "kind":
            assert kind in self.say(kind).text

    @precondition(lambda self: self.asked in ("kind", "number", "confirmation"))
    @rule()
    def mumble(self) -> None:
        about = self.about
        turn = self.say("hmpf")
        assert self.about == about
        assert not turn.requests

    @precondition(lambda self: self.asked == "contact")
    @rule()
    def give_contact(self) -> None:
        turn = self.say("write to ann@example.org")
        assert (turn.contact, self.checkpoint.ticket) == ("ann@example.org", None)

    @precondition(lambda self: not self.checkpoint.frames and self.asked is None)
    @rule()
    def say_what_nobody_knows(self) -> None:
        assert self.say("xylophone quarks").ticket == "unknown"
        assert self.asked == "contact"

    @rule()
    def ask_for_a_person(self) -> None:
        assert self.say("a person please").ticket == "asked"

    @precondition(lambda self: self.asked != "contact")
    @rule()
    def cancel(self) -> None:
        self.given.pop(self.about or "", None)
        if not self.checkpoint.frames:
            self.given.clear()  # also what was paused
        self.say("cancel")

    @rule()
    def go_on(self) -> None:
        frames = (*self.checkpoint.frames, *self.checkpoint.paused)
        open_before = {frame.intent for frame in frames}
        self.say("go on where we were")
        assert {frame.intent for frame in self.checkpoint.frames} == open_before
        assert not self.checkpoint.paused

    @rule()
    def stay_away(self) -> None:
        self.checkpoint = pause(self.checkpoint)

    @invariant()
    def each_intent_is_open_once_with_what_was_said_of_it(self) -> None:
        frames = [*self.checkpoint.frames, *self.checkpoint.paused]
        intents = [frame.intent for frame in frames]
        assert len(set(intents)) == len(intents) <= 5
        assert {frame.intent: frame.slots for frame in frames} == self.given
        assert not self.checkpoint.is_open or not (
            self.last and self.last.expects is None and self.checkpoint.frames
        )


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_the_digits_of_a_text_are_no_number() -> None:
    person = Conversation()
    person.begin("pizza")
    for number in (1, 1, 2):  # the last is where it goes to: Mill Lane 2
        person.answer("margherita", number)
    assert person.checkpoint.frames[-1].slots["number"] == 1
    person.teardown()
