"""Conversations with the surgery: asked, confirmed, interrupted, resumed, left to people."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from lineal.testing import StageHarness
from lineal_consumers.conversation.checkpoint import Checkpoint
from lineal_consumers.conversation.stage import conversation, learn
from lineal_consumers.retrain.config import RetrainConfig
from lineal_consumers.retrain.stage import evaluate, promote, retrain, train
from lineal_schemas.conversations import (
    DialogueExample,
    FulfilmentRequested,
    SessionExpired,
    TicketAnswered,
    TicketContactGiven,
    TicketCreated,
    UtteranceReplied,
)
from lineal_schemas.models import ModelExample, ModelPromoted, ModelTrainingRequested
from tests.consumers.conversation.surgery import CONFIG, DIALOGUE, Talker

MONDAY_US = 1_796_040_000_000_000  # 2026-11-30 10:40 UTC
MINUTE, DAY = 60, 86_400


@pytest.fixture
async def ann() -> AsyncIterator[Talker]:
    async with StageHarness(conversation, learn, config=CONFIG, start_us=MONDAY_US) as harness:
        yield Talker(harness)


async def test_what_is_missing_is_asked_for_confirmed_and_fulfilled(ann: Talker) -> None:
    reply = await ann.say("I would like to book an appointment with Dr Chen")
    assert (reply.intent, reply.expects) == ("book", "day")  # the doctor is known already
    reply = await ann.say("next Friday")
    assert reply.expects == "reason"
    reply = await ann.say("my knee hurts")
    assert reply.expects == "confirmation"
    assert "Dr Chen on 2026-12-04, because of my knee hurts" in reply.text
    reply = await ann.say("Yes, please!")
    assert reply.expects is None
    (request,) = [one for one in ann.made if isinstance(one, FulfilmentRequested)]
    assert request.task == "appointment.book"
    assert request.slots == {"doctor": "Dr Chen", "day": "2026-12-04", "reason": "my knee hurts"}
    told = await ann.done(request, time="09:20")
    assert told.text == "It is booked: Dr Chen, 2026-12-04 at 09:20."
    assert told.channel == "web"


async def test_a_task_is_answered_once_and_only_by_its_id(ann: Talker) -> None:
    await ann.say("please renew my prescription")
    await ann.say("aspirin")
    await ann.say("two")
    (request,) = [one for one in ann.made if isinstance(one, FulfilmentRequested)]
    assert request.slots == {"medicine": "aspirin", "packs": 2.0}
    assert "2 packs of aspirin" in (await ann.done(request, day="Monday")).text
    before = len(ann.harness.outputs(UtteranceReplied))
    again = request.model_copy(update={"fulfilment_id": "another"})
    for one in (request, again):
        with pytest.raises(ValueError, match="unpack"):
            await ann.done(one)
    assert len(ann.harness.outputs(UtteranceReplied)) == before


async def test_a_digression_is_answered_and_gone_back_from(ann: Talker) -> None:
    await ann.say("book an appointment with Dr Okafor")
    reply = await ann.say("what are your opening hours?")
    assert "from 8 to 18" in reply.text
    assert "Back to: booking an appointment. On which day?" in reply.text
    assert reply.expects == "day"
    reply = await ann.say("tomorrow")
    assert reply.expects == "reason"


async def test_something_begun_is_gone_on_with_on_another_day_and_channel(ann: Talker) -> None:
    await ann.say("book an appointment with Dr Chen")
    await ann.harness.clock.advance(31 * MINUTE)
    (expired,) = ann.harness.outputs(SessionExpired)
    assert (expired.paused, expired.forgotten) == (("book",), False)
    await ann.harness.clock.advance(3 * DAY)
    reply = await ann.say("hello", channel="mqtt")
    assert "still open: booking an appointment" in reply.text
    reply = await ann.say("Go on where we were", channel="mqtt")
    assert reply.text == "We were at: booking an appointment. On which day?"
    assert reply.channel == "mqtt"
    await ann.say("2026-12-08", channel="mqtt")
    await ann.say("a cough", channel="mqtt")
    await ann.say("yes", channel="web")
    (request,) = [one for one in ann.made if isinstance(one, FulfilmentRequested)]
    assert request.slots == {"doctor": "Dr Chen", "day": "2026-12-08", "reason": "a cough"}


async def test_nothing_is_kept_of_a_person_who_does_not_come_back(ann: Talker) -> None:
    await ann.say("book an appointment")
    await ann.harness.clock.advance(31 * DAY)
    assert [one.forgotten for one in ann.harness.outputs(SessionExpired)] == [False, True]
    assert await ann.harness.state_items(conversation, "", Checkpoint) == {}
    assert (await ann.say("go on")).text.startswith("Nothing is open")


async def test_what_was_wrong_is_changed_before_it_is_confirmed(ann: Talker) -> None:
    await ann.say("book an appointment with Dr Chen")
    await ann.say("tomorrow")
    await ann.say("flu")
    assert (await ann.say("no")).expects == "change"
    assert (await ann.say("the doctor")).expects == "doctor"
    reply = await ann.say("Okafor")
    assert reply.expects == "confirmation"
    assert "with Dr Okafor on 2026-12-01" in reply.text
    reply = await ann.say("no, on 2026-12-03 rather")
    assert "on 2026-12-03" in reply.text
    assert (await ann.say("cancel")).text == "I have dropped it: booking an appointment."


async def test_a_number_out_of_bounds_is_asked_for_again(ann: Talker) -> None:
    await ann.say("I need a repeat prescription")
    await ann.say("insulin")
    reply = await ann.say("60")
    assert reply.text == "It is at most 6. How many packs?"
    assert "take that for no number" in (await ann.say("a heap")).text


async def test_what_nobody_knows_goes_to_a_person_and_is_learnt(ann: Talker) -> None:
    reply = await ann.say("do you sell raincoats for elephants")
    assert reply.expects == "contact"
    (ticket,) = ann.harness.outputs(TicketCreated)
    assert ticket.reason == "unknown"
    assert (await ann.say("call me")).expects == "contact"
    reply = await ann.say("of course: 0170 123 45 67")
    assert reply.expects is None
    (given,) = ann.harness.outputs(TicketContactGiven)
    assert (given.ticket_id, given.contact) == (ticket.ticket_id, "0170 123 45 67")
    answered = TicketAnswered(
        person=ticket.person, dialogue=DIALOGUE, ticket_id=ticket.ticket_id, text=ticket.text,
        answer="No, only for people.", intent="opening_hours", by="user:ann", answered_us=5,
    )  # fmt: skip
    await ann.harness.send(answered)
    assert {one.error_class for one in ann.harness.dead_letters} == {"SenderNotPermitted"}
    ann.harness.dead_letters.clear()
    made = await ann.harness.send(answered, actor="user:ann")
    (told,) = [one for one in made if isinstance(one, UtteranceReplied)]
    assert told.text == "No, only for people."
    (example,) = [one for one in made if isinstance(one, ModelExample)]
    assert example.item.label == "opening_hours"
    assert example.item.ref is not None
    assert await ann.harness.get(example.item.ref) == ticket.text.encode()


async def test_a_person_can_be_asked_for_in_the_middle(ann: Talker) -> None:
    await ann.say("book an appointment with Dr Chen")
    reply = await ann.say("let me talk to a person")
    assert reply.expects == "contact"
    reply = await ann.say("ann@example.org")
    assert "Back to: booking an appointment" in reply.text
    assert ann.harness.outputs(TicketContactGiven)[0].contact == "ann@example.org"


async def test_two_people_are_never_mixed_up(ann: Talker) -> None:
    bob = Talker(ann.harness, "user:bob")
    await ann.say("book an appointment with Dr Chen")
    await bob.say("book an appointment with Dr Okafor")
    for day, who in (("2026-12-07", ann), ("2026-12-08", bob)):
        await who.say(day)
        await who.say("a cold")
    await ann.say("yes")
    (request,) = [one for one in ann.made if isinstance(one, FulfilmentRequested)]
    assert (request.person, request.slots["doctor"]) == ("user:ann", "Dr Chen")
    assert request.slots["day"] == "2026-12-07"


async def test_answers_become_a_model_that_knows_more_than_the_examples() -> None:
    config = [CONFIG, RetrainConfig.model_validate({"models": {"intents": {"kind": "intents"}}})]
    stages = (conversation, learn, retrain, train, evaluate, promote)
    async with StageHarness(*stages, config=config, start_us=MONDAY_US) as harness:
        ann = Talker(harness)
        from lineal_consumers.conversation.dialogue import load_dialogue

        declared = load_dialogue(CONFIG.folder, DIALOGUE).intents
        texts = [(text, name) for name, one in declared.items() for text in one.examples]
        for text, intent in texts:
            example = DialogueExample(
                dialogue=DIALOGUE, text=text, intent=intent, by="user:ann", published_us=1
            )
            await harness.send(example, actor="user:ann")
        said = ("a sick note", "a sick note for my boss", "a note that I was ill",
                      "a doctor's note for work", "some sick note", "a certificate that I am ill",
                      "a sick note please", "my sick note")  # fmt: skip
        for ticket, thing in enumerate(said):
            answered = TicketAnswered(
                person="user:ann", dialogue=DIALOGUE, ticket_id=str(ticket), text=f"I want {thing}",
                intent="book", by="user:ann", answered_us=2,
            )  # fmt: skip
            await harness.send(answered, actor="user:ann")
        assert (await ann.say("give me a sick note")).intent is None
        request = ModelTrainingRequested(name="intents", cause="manual", requested_us=1)
        made = await harness.send(request)
        assert harness.dead_letters == []
        (promoted,) = [one for one in made if isinstance(one, ModelPromoted)]
        file = await harness.get(promoted.artifact)
        await harness.use_artifact("intents", file, media_type="application/x-npz")
        await ann.say("no")
        reply = await ann.say("give me a sick note")
        assert reply.intent == "book"
        assert reply.model is not None and reply.model.version == 1
