"""``lineal examples run conversation``: people talk with a surgery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineal_cli.examples.example_run import ExampleRun
    from lineal_schemas.conversations import UtteranceReplied

_STAGES = (
    "conversation", "conversation.learn", "retrain", "retrain.train", "retrain.evaluate",
    "retrain.promote",
)  # fmt: skip
_ASKED = (
    "I want a sick note", "a doctor's note for work please",

    "can I have a certificate that I am ill",
    "my boss wants a sick note", "I need proof that I was ill", "a sick certificate for school",
    "please write me a sick note", "write a note that I cannot work",
    "I need a note for my employer",
    "could you sign me off work", "a certificate of illness please", "sign me off for this week",
)  # fmt: skip


async def show(example: ExampleRun) -> list[str]:
    """Somebody books, digresses, goes on elsewhere; somebody asks what nobody knows."""
    from lineal.access.credential import owner_credential
    from lineal_catalog.conversations.exchange import Exchange
    from lineal_catalog.conversations.tickets import answer_ticket, list_tickets
    from lineal_consumers.conversation.dialogue import load_dialogue
    from lineal_schemas.conversations import (
        DialogueExample,
        FulfilmentCompleted,
        FulfilmentRequested,
        UtteranceReceived,
    )
    from lineal_schemas.models import ModelEvaluated

    folder = example.folder / "dialogues"
    folder.mkdir(parents=True)
    text = Path(__file__).with_name("surgery.toml").read_text(encoding="utf-8")
    (folder / "surgery.toml").write_text(text, encoding="utf-8")
    settings = {
        "conversation": {"folder": str(folder)},
        "retrain": {"models": {"intents": {"kind": "intents", "purpose": "What people want."}}},
    }
    async with example.running(_STAGES, settings):
        exchange, owner = Exchange(example.runtime), owner_credential()

        async def utter(text: str, person: str = "ann", channel: str = "web") -> UtteranceReplied:
            example.report(f"  {person} ({channel}): {text}")
            utterance = UtteranceReceived(
                person=person, dialogue="surgery", channel=channel, text=text
            )
            message = (await exchange.send(utterance, owner, 60)).message
            example.report(f"    {message.text}")
            return message

        await utter("I would like to book an appointment with Dr Chen")
        await utter("what are your opening hours?")
        await utter("go on where we were", channel="telephone")
        await utter("2027-03-05", channel="telephone")
        await utter("my knee hurts", channel="telephone")
        await utter("yes", channel="telephone")
        (request,) = await example.events_of(FulfilmentRequested)
        example.report(f"the practice software is asked for {request.task}: {request.slots}")
        await example.publish(
            FulfilmentCompleted(
                person="ann", dialogue="surgery", fulfilment_id=request.fulfilment_id,
                outcome="done", answer={"time": "09:20"},
            )
        )  # fmt: skip
        await example.until_idle()
        (told,) = [reply.message.text for reply in await exchange.replies("surgery", "ann", 0)
                   if "09:20" in reply.message.text]  # fmt: skip
        example.report(f"    {told}")

        for number, text in enumerate(_ASKED):
            await utter(text, f"visitor{number}")
        tickets = await list_tickets(example.runtime, owner)
        for ticket in tickets:
            await answer_ticket(example.runtime, owner, ticket.ticket_id, None, "sick_note")
        await example.publish(
            *(
                DialogueExample(
                    dialogue="surgery", text=text, intent=name, by=owner.actor, published_us=1
                )
                for name, one in load_dialogue(folder, "surgery").intents.items()
                for text in one.examples
            )
        )
        await example.until_idle()
        example.report(f"{len(tickets)} tickets are answered; the answers are learnt from ...")
        (folder / "surgery.toml").write_text(
            (folder / "surgery.toml").read_text(encoding="utf-8") + _SICK_NOTE, encoding="utf-8"
        )
        await example.learn("intents")
        (evaluated,) = await example.events_of(ModelEvaluated)
        after = await utter("would you write a sick note for me", "zoe")
        await exchange.close()
    return [
        "a question in the middle was answered and the booking gone back to; it was gone on with "
        "on another channel",
        f"what the practice software answered was told: {told}",
        f"{len(tickets)} of {len(_ASKED)} questions that the dialogue did not know became tickets",
        f"learnt with their answers: the intent is found of {evaluated.metrics['accuracy']:.0%} of "
        f"{evaluated.metrics['examples']:.0f} examples that it did not learn from",
        f"the same question is understood now: {after.text!r}"
        if after.intent == "sick_note"
        else f"the same question is not understood yet: {after.text!r}",
    ]


_SICK_NOTE = """
[intents.sick_note]
title = "a sick note"
examples = ["I need a sick note", "a sick note please"]
reply = "The doctor writes sick notes when you come by, between 8 and 9."
"""
