"""``lineal dialogue``: lists and checks dialogues, and has their examples learnt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Dialogues that people talk with: list, check, and learn from their examples.",
)
_SOURCE = "lineal:cli/dialogue"


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the dialogues of the folder."""
    from lineal_consumers.conversation.dialogue import load_dialogue

    found = []
    for file in sorted(_folder().glob("*.toml")):
        dialogue = load_dialogue(file.parent, file.stem)
        examples = sum(len(one.examples) for one in dialogue.intents.values())
        found.append((file.stem, dialogue.language, len(dialogue.intents), examples))
    columns = ("dialogue", "language", "intents", "examples")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in found])
        return
    print_table(
        columns,
        [tuple(map(str, row)) for row in found],
        right=frozenset({"intents", "examples"}),
        empty=f"There is no dialogue in {_folder()}: docs/conversation.md shows one.",
    )


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Dialogue files; else those of the folder.")
    ] = None,
) -> None:
    """Check dialogue files; errors say the line."""
    from lineal_consumers.conversation.dialogue import WrongDialogue, parse_dialogue

    chosen = files or sorted(_folder().glob("*.toml"))
    if not chosen:
        raise CommandFailed(f"there are no dialogues in {_folder()}: docs/conversation.md has one")
    problems = []
    for file in chosen:
        try:
            dialogue = parse_dialogue(file.read_text(encoding="utf-8"), str(file))
        except WrongDialogue as error:
            problems.append(str(error))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: {error}")
        else:
            typer.echo(f"{file}: {count_of(len(dialogue.intents), 'intent')}")
    if problems:
        raise CommandFailed("\n".join(problems))


@app.command()
def learn(
    dialogue: Annotated[str, typer.Argument(metavar="DIALOGUE", help="Its name.")],
    data: DataOption = None,
) -> None:
    """Have the examples of a dialogue learnt from, at the next `lineal model train`."""
    from lineal_consumers.conversation.dialogue import WrongDialogue, load_dialogue

    try:
        declared = load_dialogue(_folder(), dialogue)
    except WrongDialogue as error:
        raise CommandFailed(str(error)) from error
    texts = [(text, name) for name, one in declared.intents.items() for text in one.examples]
    asyncio.run(_publish(data, dialogue, texts))
    typer.echo(
        f"{count_of(len(texts), 'example')} to learn from: `lineal model train intents` learns"
    )


async def _publish(data: Path | None, dialogue: str, texts: list[tuple[str, str]]) -> None:
    from lineal.access.senders import require_acting
    from lineal.acts import publish_acts
    from lineal.observability.tracing import first_traceparent
    from lineal.runtime import open_runtime
    from lineal_schemas.conversations import DialogueExample
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.ids import arrival_id

    now = now_us()
    async with open_runtime(load_settings(data)) as runtime:
        by = await require_acting(runtime.store, "promote")
        events = []
        for text, intent in texts:
            payload = DialogueExample(
                dialogue=dialogue, text=text, intent=intent, by=by.actor, published_us=now
            )
            identifier = arrival_id(_SOURCE, f"{dialogue}\n{text}", f"{intent}\n{now}")
            event = first_event(
                payload,
                id=identifier,
                source=_SOURCE,
                actor=by.actor,
                traceparent=first_traceparent(payload.correlation_key(), identifier),
            )
            events.append(event)
        await publish_acts(runtime, events)


def _folder() -> Path:
    """The folder that the stage conversation looks in."""
    from pydantic import ValidationError

    from lineal_consumers.conversation.config import ConversationConfig

    given = load_settings(None).stages.get("conversation", {})
    try:
        return ConversationConfig.model_validate(given).folder
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CommandFailed(f"[stages.conversation] {place}: {first['msg']}") from error
