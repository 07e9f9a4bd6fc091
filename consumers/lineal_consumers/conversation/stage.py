"""The stages of conversation: utterances are replied to, and what people answer is learnt."""

from __future__ import annotations

from hashlib import sha256

from lineal import Context, Reject, stage
from lineal.stages.declaration import WORKER_LANES
from lineal.store.objects import reference
from lineal_consumers.conversation.checkpoint import Checkpoint
from lineal_consumers.conversation.config import (
    ConversationConfig,
    dialogue_files,
    dialogue_folder,
    model_for,
    model_names,
)
from lineal_consumers.conversation.dialogue import (
    Dialogue,
    UnknownDialogue,
    WrongDialogue,
    load_dialogue,
)
from lineal_consumers.conversation.interpretation import Interpretation, interpret
from lineal_consumers.conversation.turn import Rules, Turn, filled, pause
from lineal_consumers.conversation.turns import take_turn
from lineal_consumers.conversation.wording import plain
from lineal_schemas.conversations import (
    ConversationEvent,
    DialogueExample,
    FulfilmentCompleted,
    FulfilmentRequested,
    SessionDue,
    SessionExpired,
    TicketAnswered,
    TicketContactGiven,
    TicketCreated,
    UtteranceReceived,
    UtteranceReplied,
)
from lineal_schemas.models import DatasetItem, ModelExample, ModelRef
from lineal_schemas.payload import Payload

_MINUTE_US = 60_000_000
_DAY_US = 86_400_000_000
UNKNOWN = "unknown"
"""The label of a text that has no intent."""


@stage(
    "conversation",
    version="1",
    produces=(
        UtteranceReplied, FulfilmentRequested, TicketCreated, TicketContactGiven, SessionExpired,
    ),
    memo=False,
    subject_state=True,
    artifacts=dialogue_files,
    reads=dialogue_folder,
    in_use=model_names,
    lanes=WORKER_LANES,
)  # fmt: skip
async def conversation(
    utterance: UtteranceReceived, ctx: Context[ConversationConfig]
) -> list[Payload]:
    """Take one turn: every utterance has one reply."""
    await ctx.require("read")
    try:
        dialogue = _dialogue(utterance.dialogue, ctx)
    except UnknownDialogue as error:
        ctx.annotate(intent="", confidence="0.000")
        return [
            UtteranceReplied(
                person=utterance.person, dialogue=utterance.dialogue, channel=utterance.channel,
                text=str(error),
            )
        ]  # fmt: skip
    key = utterance.partition_key()
    before = await ctx.state.get(key, Checkpoint) or Checkpoint()
    found, model = await _interpret(utterance, before, ctx)
    rules = Rules(ctx.config.min_confidence, ctx.config.digression, ctx.config.attempts)
    turn_id = sha256(f"{ctx.event.source}\n{ctx.event.id}".encode()).hexdigest()[:24]
    turn = take_turn(dialogue, before, found, rules, turn_id)
    after = turn.checkpoint.model_copy(
        update={"channel": utterance.channel, "last_us": ctx.event.time}
    )
    await ctx.state.put(key, after)
    _set_timer(utterance, after, "session", ctx)
    ctx.annotate(intent=turn.intent or "", confidence=f"{found.confidence:.3f}")
    return _events(utterance, turn, found, model, turn_id)


def _dialogue(name: str, ctx: Context[ConversationConfig]) -> Dialogue:
    try:
        return load_dialogue(ctx.config.folder, name)
    except UnknownDialogue:
        raise
    except WrongDialogue as error:
        raise Reject(str(error)) from error


async def _interpret(
    utterance: UtteranceReceived, before: Checkpoint, ctx: Context[ConversationConfig]
) -> tuple[Interpretation, ModelRef | None]:
    name = model_for(ctx.config, utterance.dialogue)
    in_use = None if name is None else await ctx.artifact(name)
    model, path = None, None
    if in_use is not None:
        model = ModelRef(name=in_use.name, version=in_use.version, sha256=in_use.sha256)
        ref = reference(in_use.sha256, in_use.bytes, in_use.media_type)
        path = str(await ctx.objects.path(ref, role="model"))
    frame = before.frames[-1] if before.frames else None
    found = await ctx.run(
        interpret, utterance.text, ctx.config.folder.absolute(), utterance.dialogue, path,
        ctx.event.time, None if frame is None else frame.intent,
        None if frame is None else frame.asked, seconds=ctx.config.seconds,
    )  # fmt: skip
    return found, model


def _events(
    utterance: UtteranceReceived,
    turn: Turn,
    found: Interpretation,
    model: ModelRef | None,
    turn_id: str,
) -> list[Payload]:
    who = {"person": utterance.person, "dialogue": utterance.dialogue}
    events: list[Payload] = [
        UtteranceReplied(
            **who, channel=utterance.channel, text=turn.text, intent=turn.intent,
            confidence=found.confidence if found.intent else None, expects=turn.expects,
            choices=turn.choices, model=model,
        )
    ]  # fmt: skip
    events += [
        FulfilmentRequested(**who, fulfilment_id=turn_id, task=one.task, slots=one.slots)
        for one in turn.requests
    ]
    if turn.contact is not None and turn.contact_of is not None:
        events.append(
            TicketContactGiven(**who, ticket_id=turn.contact_of, contact=turn.contact[:320])
        )
    if turn.ticket is not None:
        events.append(
            TicketCreated(
                **who, ticket_id=turn_id, channel=utterance.channel, text=utterance.text,
                reason=turn.ticket, intent=turn.intent,
            )
        )  # fmt: skip
    return events


@conversation.on
async def fulfilled(
    completed: FulfilmentCompleted, ctx: Context[ConversationConfig]
) -> UtteranceReplied | None:
    """Tell the person what became of a task."""
    await ctx.require("publish")
    dialogue = _dialogue(completed.dialogue, ctx)
    key = completed.partition_key()
    before = await ctx.state.get(key, Checkpoint) or Checkpoint()
    tasks = dict(before.tasks)
    task = tasks.pop(completed.fulfilment_id, None)
    if task is None or task.intent not in dialogue.intents:
        ctx.skip("no such task is waited for")
        return None
    await ctx.state.put(key, before.model_copy(update={"tasks": tasks}))
    intent = dialogue.intents[task.intent]
    if completed.outcome == "done":
        text = filled(intent.reply, task.slots, **completed.answer)
    elif intent.failed is not None:
        text = filled(intent.failed, task.slots, **completed.answer)
    else:
        text = dialogue.sentence("failed", reason=completed.answer.get("reason", ""))
    return _further(completed, before, text, task.intent)


@conversation.on
async def ticket_answered(
    answered: TicketAnswered, ctx: Context[ConversationConfig]
) -> UtteranceReplied | None:
    """Tell the person what somebody has answered."""
    await ctx.require("review")
    if answered.answer is None:
        return None
    before = await ctx.state.get(answered.partition_key(), Checkpoint) or Checkpoint()
    return _further(answered, before, answered.answer, answered.intent)


def _further(
    about: ConversationEvent, before: Checkpoint, text: str, intent: str | None
) -> UtteranceReplied:
    return UtteranceReplied(
        person=about.person, dialogue=about.dialogue, channel=before.channel, text=text,
        intent=intent,
    )  # fmt: skip


@conversation.on
async def session_due(due: SessionDue, ctx: Context[ConversationConfig]) -> SessionExpired | None:
    """End a session in which nothing was said any more, and forget what nobody went on with."""
    key = due.partition_key()
    before = await ctx.state.get(key, Checkpoint)
    if before is None or (before.session, before.last_us) != (due.session, due.last_us):
        ctx.skip("something was said meanwhile")
        return None
    paused = pause(before)
    if due.what == "checkpoint":
        await ctx.state.delete(key)
    else:
        await ctx.state.put(key, paused)
        _set_timer(due, paused, "checkpoint", ctx)
    return SessionExpired(
        person=due.person,
        dialogue=due.dialogue,
        session=due.session,
        paused=tuple(frame.intent for frame in paused.paused),
        forgotten=due.what == "checkpoint",
    )


def _set_timer(
    about: ConversationEvent, checkpoint: Checkpoint, what: str, ctx: Context[ConversationConfig]
) -> None:
    config = ctx.config
    ends = what == "session"
    after = config.session_minutes * _MINUTE_US if ends else config.checkpoint_days * _DAY_US
    ctx.timers.set(
        f"session {about.partition_key()}",
        max(ctx.event.time, ctx.now()) + int(after),
        SessionDue(
            person=about.person,
            dialogue=about.dialogue,
            what="session" if ends else "checkpoint",
            session=checkpoint.session,
            last_us=checkpoint.last_us,
        ),
    )


@stage("conversation.learn", version="1", produces=ModelExample, section="conversation", memo=False)
async def learn(answered: TicketAnswered, ctx: Context[ConversationConfig]) -> ModelExample | None:
    """What a person says of an utterance is something to learn from."""
    await ctx.require("review")
    return await _example(
        answered.dialogue, answered.text, answered.intent or UNKNOWN, answered.answered_us, ctx
    )


@learn.on
async def learn_examples(
    example: DialogueExample, ctx: Context[ConversationConfig]
) -> ModelExample | None:
    """So are the examples of a dialogue's file."""
    await ctx.require("promote")
    return await _example(example.dialogue, example.text, example.intent, example.published_us, ctx)


async def _example(
    dialogue: str, text: str, intent: str, time_us: int, ctx: Context[ConversationConfig]
) -> ModelExample | None:
    name = model_for(ctx.config, dialogue)
    if name is None:
        ctx.skip("no model is set for this dialogue")
        return None
    ref = await ctx.objects.put(text.encode(), "text/plain", role="example")
    group = sha256(plain(text).encode()).hexdigest()[:32]
    return ModelExample(
        name=name,
        item=DatasetItem(
            digest=ref.sha256, source=f"{dialogue}/{group}", time_us=time_us, group=group,
            label=intent, ref=ref,
        ),
    )  # fmt: skip
