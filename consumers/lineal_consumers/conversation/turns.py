"""What a conversation comes to with one utterance: a function of the checkpoint before it.

A turn handles, in this order: a contact that was asked for; the words that every dialogue
understands (cancel, go on, a person); what is talked about; another intent, which interrupts it
(a digression), after which it is gone back to.
"""

from __future__ import annotations

from lineal_consumers.conversation.checkpoint import Checkpoint, Frame, OpenTicket, Task
from lineal_consumers.conversation.dialogue import Dialogue, Intent
from lineal_consumers.conversation.interpretation import Interpretation
from lineal_consumers.conversation.turn import MAX_FRAMES, Reason, Request, Rules, Turn, filled
from lineal_consumers.conversation.values import problem_of
from lineal_schemas.conversations import SlotValue

MAX_TASKS = 20
SAME = 0.9
"""An utterance that is so likely to be of the same intent says nothing new of it."""


class Conversing:
    """One turn of a conversation; see :func:`take_turn`."""

    def __init__(
        self,
        dialogue: Dialogue,
        before: Checkpoint,
        found: Interpretation,
        rules: Rules,
        turn_id: str,
    ) -> None:
        self._dialogue, self._found, self._rules = dialogue, found, rules
        self._turn_id = turn_id
        self._frames = [frame for frame in before.frames if frame.intent in dialogue.intents]
        self._paused = tuple(frame for frame in before.paused if frame.intent in dialogue.intents)
        self._ticket, self._tasks = before.ticket, dict(before.tasks)
        self._before = before
        self._said: list[str] = []
        self._requests: list[Request] = []
        self._intent: str | None = None
        self._created: Reason | None = None
        self._contact: tuple[str, str] | None = None

    def turn(self) -> Turn:
        begins = not self._before.is_open
        self._respond()
        if begins and self._paused and not self._frames and self._ticket is None:
            self._say("paused", title=self._title(self._paused[-1]))
        expects, choices = self._expected()
        checkpoint = Checkpoint(
            session=self._before.session + begins,
            is_open=True,
            frames=tuple(self._frames[-MAX_FRAMES:]),
            paused=self._paused,
            ticket=self._ticket,
            tasks=dict(list(self._tasks.items())[-MAX_TASKS:]),
            channel=self._before.channel,
            last_us=self._before.last_us,
        )
        contact_of, contact = self._contact or (None, None)
        return Turn(
            checkpoint, " ".join(self._said), self._intent, expects, choices,
            tuple(self._requests), self._created, contact, contact_of,
        )  # fmt: skip

    def _respond(self) -> None:
        found = self._found
        if self._ticket is not None and self._on_contact(self._ticket):
            return
        if found.control == "person":
            self._create_ticket("asked")
        elif found.control == "cancel":
            self._cancel()
        elif found.control == "resume":
            self._resume()
        elif self._frames:
            self._go_on(self._frames[-1])
        elif found.intent is not None and found.confidence >= self._rules.min_confidence:
            self._begin(found.intent)
        elif found.control == "greeting":
            self._greet()
        elif found.control is not None:
            self._say("nothing_open")
        else:
            self._create_ticket("unknown")

    # What people say at any time.

    def _on_contact(self, ticket: OpenTicket) -> bool:
        """Whether the utterance is about the contact that was asked for."""
        found = self._found
        if found.contact is not None:
            self._contact = ticket.ticket_id, found.contact
            self._say("contact_noted")
        elif found.control in ("no", "cancel"):
            self._say("contact_left_out")
        elif self._digresses(None) or found.control in ("resume", "person"):
            self._ticket = None  # it stays with the people, without a contact
            return False
        elif ticket.attempts + 1 < self._rules.attempts:
            self._ticket = ticket.model_copy(update={"attempts": ticket.attempts + 1})
            self._say("contact_again")
            return True
        else:
            self._say("contact_left_out")
        self._ticket = None
        self._go_back()
        return True

    def _greet(self) -> None:
        if self._dialogue.greeting:
            self._said.append(self._dialogue.greeting)
        else:
            self._say("greeting")

    def _cancel(self) -> None:
        if not self._frames:
            self._paused = ()
            self._say("nothing_open")
            return
        dropped = self._frames.pop()
        self._intent = dropped.intent
        self._say("cancelled", title=self._title(dropped))
        self._go_back()

    def _resume(self) -> None:
        if self._paused:
            begun = {frame.intent for frame in self._frames}
            paused = [frame for frame in self._paused if frame.intent not in begun]
            # What was talked about last is gone on with first.
            self._frames += paused
            self._paused = ()
        if not self._frames:
            self._say("nothing_open")
            return
        self._say("resumed", title=self._title(self._frames[-1]))
        self._ask()

    def _create_ticket(self, reason: Reason) -> None:
        self._created = reason
        self._ticket = OpenTicket(ticket_id=self._turn_id)
        self._intent = self._frames[-1].intent if self._frames else None
        self._say("person" if reason == "asked" else "unknown")
        self._say("contact")

    # What is talked about.

    def _digresses(self, frame: Frame | None) -> bool:
        """Whether the utterance is rather of another intent."""
        found = self._found
        if found.intent is None or (frame is not None and found.intent == frame.intent):
            return False
        return found.confidence >= self._rules.digression

    def _begin(self, intent: str) -> None:
        """Begin an intent, or go on with one that was interrupted."""
        begun = next((frame for frame in self._frames if frame.intent == intent), None)
        if begun is not None:
            self._frames.remove(begun)
        frame = begun or Frame(intent=intent)
        self._frames.append(self._with(frame, dict(self._found.values)))
        self._paused = tuple(one for one in self._paused if one.intent != intent)
        self._advance()

    def _go_on(self, frame: Frame) -> None:
        if frame.phase == "confirming":
            self._on_confirmation(frame)
        elif frame.phase == "changing":
            self._on_change(frame)
        else:
            self._on_answer(frame)

    def _on_answer(self, frame: Frame) -> None:
        found, asked = self._found, frame.asked
        answered = found.answer is not None and asked is not None
        if self._digresses(frame) and not (
            answered and found.complete and not self._is_text(frame)
        ):
            self._begin(found.intent or "")
        elif answered and self._is_text(frame) and self._repeats(frame):
            self._ask()
        elif answered:
            assert asked is not None and found.answer is not None
            # A text is the answer as a whole: the 2 of "Mill Lane 2" is no number of anything.
            by_the_way = {} if self._is_text(frame) else dict(found.changes)
            values = {**by_the_way, asked: found.answer}
            self._replace(self._with(frame, values))
            self._advance()
        elif new := {k: v for k, v in found.changes if k not in frame.slots}:
            self._replace(self._with(frame, new))
            self._advance()
        else:
            self._on_no_answer(frame)

    def _repeats(self, frame: Frame) -> bool:
        """Whether the utterance is what the intent was begun with rather than a text asked for."""
        return self._found.intent == frame.intent and self._found.confidence >= SAME

    def _is_text(self, frame: Frame) -> bool:
        slot = self._dialogue.intents[frame.intent].slots.get(frame.asked or "")
        return slot is not None and slot.kind == "text"

    def _on_no_answer(self, frame: Frame) -> None:
        if frame.attempts + 1 >= self._rules.attempts:
            self._replace(frame.model_copy(update={"attempts": 0}))
            self._create_ticket("not_understood")
            return
        self._replace(frame.model_copy(update={"attempts": frame.attempts + 1}))
        slot = self._dialogue.intents[frame.intent].slots.get(frame.asked or "")
        if self._found.problem is not None:
            self._say(self._found.problem, limit=self._found.limit)
        elif slot is not None:
            problem = problem_of(slot)
            self._say(problem.sentence, **problem.named)
        self._ask()

    def _on_confirmation(self, frame: Frame) -> None:
        found = self._found
        changed = {k: v for k, v in found.changes if frame.slots.get(k) != v}
        if found.control == "yes":
            self._fulfil(frame)
        elif self._digresses(frame):
            self._begin(found.intent or "")
        elif changed:
            self._replace(self._with(frame, changed))
            self._advance()
        elif found.control == "no":
            if not frame.slots:
                self._cancel()
                return
            self._replace(frame.model_copy(update={"phase": "changing", "attempts": 0}))
            self._ask()
        else:
            self._again(frame, "confirm_again")

    def _on_change(self, frame: Frame) -> None:
        found = self._found
        slots = self._dialogue.intents[frame.intent].slots
        changed = {k: v for k, v in found.changes if frame.slots.get(k) != v}
        words = found.text.lower()
        named = [name for name, slot in slots.items() if (slot.title or name).lower() in words]
        if self._digresses(frame) and not named:
            self._begin(found.intent or "")
        elif changed:
            self._replace(self._with(frame, changed))
            self._advance()
        elif named:
            kept = {k: v for k, v in frame.slots.items() if k not in named}
            self._replace(frame.model_copy(update={"slots": kept, "phase": "asking"}))
            self._advance()
        elif found.control == "yes":
            self._replace(frame.model_copy(update={"phase": "confirming"}))
            self._ask()
        else:
            self._again(frame, None)

    def _again(self, frame: Frame, sentence: str | None) -> None:
        """Ask once more, or leave it to a person."""
        if frame.attempts + 1 >= self._rules.attempts:
            self._replace(frame.model_copy(update={"attempts": 0}))
            self._create_ticket("not_understood")
            return
        self._replace(frame.model_copy(update={"attempts": frame.attempts + 1}))
        if sentence is not None:
            self._say(sentence)
        self._ask()

    def _advance(self) -> None:
        """On to the next question, the confirmation, or the end of what is talked about."""
        frame = self._frames[-1]
        intent = self._declared(frame)
        missing = next((name for name in intent.slots if name not in frame.slots), None)
        if missing is not None:
            same = frame.asked == missing
            self._replace(
                frame.model_copy(
                    update={
                        "phase": "asking",
                        "asked": missing,
                        "attempts": frame.attempts if same else 0,
                    }
                )
            )
        elif intent.confirm is not None:
            self._replace(
                frame.model_copy(update={"phase": "confirming", "asked": None, "attempts": 0})
            )
        else:
            self._fulfil(frame)
            return
        self._ask()

    def _fulfil(self, frame: Frame) -> None:
        intent = self._declared(frame)
        self._frames.pop()
        self._intent = frame.intent
        if intent.fulfil is None:
            self._said.append(filled(intent.reply, frame.slots))
        else:
            self._requests.append(Request(intent.fulfil, frame.slots))
            self._tasks[f"{self._turn_id}"] = Task(intent=frame.intent, slots=frame.slots)
            self._say("accepted")
        self._go_back()

    def _go_back(self) -> None:
        """To what was interrupted, if anything was."""
        if self._frames:
            self._say("back", title=self._title(self._frames[-1]))
            self._ask()

    # What is said.

    def _ask(self) -> None:
        """Ask what the last frame waits for."""
        frame = self._frames[-1]
        intent = self._declared(frame)
        if frame.phase == "confirming" and intent.confirm is not None:
            self._said.append(filled(intent.confirm, frame.slots))
        elif frame.phase == "changing":
            titles = ", ".join(slot.title or name for name, slot in intent.slots.items())
            self._say("change", slots=titles)
        elif frame.asked in intent.slots:
            self._said.append(intent.slots[frame.asked].question)
        else:  # the dialogue was changed meanwhile
            self._advance()
        if self._frames:
            self._intent = self._intent or self._frames[-1].intent

    def _expected(self) -> tuple[str | None, tuple[str, ...]]:
        if self._ticket is not None:
            return "contact", ()
        if not self._frames:
            return None, ()
        frame = self._frames[-1]
        if frame.phase == "confirming":
            return "confirmation", ()
        if frame.phase == "changing":
            return "change", ()
        slot = self._declared(frame).slots.get(frame.asked or "")
        return frame.asked, tuple(slot.choices) if slot else ()

    def _say(self, sentence: str, **values: object) -> None:
        self._said.append(self._dialogue.sentence(sentence, **values))

    def _title(self, frame: Frame) -> str:
        return self._declared(frame).title

    def _declared(self, frame: Frame) -> Intent:
        return self._dialogue.intents[frame.intent]

    def _replace(self, frame: Frame) -> None:
        self._frames[-1] = frame

    def _with(self, frame: Frame, values: dict[str, SlotValue]) -> Frame:
        declared = self._declared(frame).slots
        slots = {**frame.slots, **values}
        slots = {name: slots[name] for name in declared if name in slots}
        return frame.model_copy(update={"slots": slots, "phase": "asking"})


def take_turn(
    dialogue: Dialogue, before: Checkpoint, found: Interpretation, rules: Rules, turn_id: str
) -> Turn:
    """What a conversation comes to with one utterance.

    Args:
        turn_id: what a ticket or a task of this turn is called.
    """
    return Conversing(dialogue, before, found, rules, turn_id).turn()
