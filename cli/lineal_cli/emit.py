"""``lineal emit``: publishes the events of a file or pipe."""

from __future__ import annotations

import asyncio
import difflib
import os
import sys
import threading
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from lineal_cli.json_input import items_of
from lineal_cli.names import topic_name
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import count_of, plain, print_json

if TYPE_CHECKING:
    from lineal.admission import AdmissionPolicy
    from lineal.bus.protocol import Position
    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_schemas.envelope import RawEvent

SOURCE = "lineal:emit"
_CHUNK = 1 << 16
_RESEMBLES = 0.9
_OCTETS = "application/octet-stream"


def emit(
    topic: Annotated[str, typer.Argument(callback=topic_name, help="Made if it does not exist.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE|-", help="JSON lines, one JSON document, or a JSON array."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Publish nothing unless all of it fits its event type."),
    ] = False,
    as_operator: Annotated[
        bool,
        typer.Option(
            "--as-operator",
            help="Send also what lineal makes itself. You answer for it: stages act upon it "
            "without asking who sent it. It is on record.",
        ),
    ] = False,
    again: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Count events again that were published before: each gets a new id, made of its "
            "own and TOKEN. With the same TOKEN they are not counted twice.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish events from a file or standard input.

    CloudEvents in JSON are published as they are; any other JSON becomes the data of a new event
    of type TOPIC; what is no JSON is published as bytes. Taken are types of your own that no
    installed stage makes, and document.arrived.
    """
    from lineal.admission import reserved_reason
    from lineal.events import known_types
    from lineal_producers.admission_policies import EMIT, OPERATOR

    settings = load_settings(data)
    policy = OPERATOR if as_operator else EMIT
    if (reason := reserved_reason(topic, policy)) is not None:
        raise _refusal(reason, policy)
    if (meant := _meant(topic, known_types())) is not None:
        typer.echo(f"no event type here is called {topic}. Did you mean {meant}?", err=True)
    reads_stdin = file is None or str(file) == "-"
    if reads_stdin and sys.stdin.isatty():
        typer.echo("Type JSON, one event a line; end with Ctrl-D.", err=True)
    with nullcontext(sys.stdin.buffer) if file is None or reads_stdin else file.open("rb") as taken:
        placed = asyncio.run(_emit(settings, topic, items_of(_chunks(taken)), check, policy, again))
    if as_json:
        print_json(
            [
                {
                    "id": event.id,
                    "topic": position.topic,
                    "partition": position.partition,
                    "offset": position.offset,
                }
                for position, event in placed
            ]
        )
    else:
        typer.echo(f"published {count_of(len(placed), 'event')} to {topic}")


def _meant(topic: str, types: Collection[str]) -> str | None:
    """The type that a misspelt one resembles; None where there is such a type, or it is of its
    own."""
    nearest = difflib.get_close_matches(topic, types, n=1, cutoff=_RESEMBLES)
    return nearest[0] if nearest and topic not in types else None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The data of a file or pipe, in chunks, as soon as they arrive."""
    try:
        descriptor = file.fileno()
    except OSError:
        descriptor = None  # not a file of the system: a test's input, for one
    # Not through Python's buffer: a thread that waits in it keeps the interpreter from ending.
    while chunk := file.read(_CHUNK) if descriptor is None else os.read(descriptor, _CHUNK):
        yield chunk


async def _emit(
    settings: Settings,
    topic: str,
    items: Iterator[list[bytes]],
    check: bool,
    policy: AdmissionPolicy,
    again: str | None,
) -> list[tuple[Position, RawEvent]]:
    from lineal.access.senders import require_acting
    from lineal.admission import NotAllowed, admit, publish, schema_error
    from lineal.errors import PermanentFailure
    from lineal.registry.events import encode_all
    from lineal.runtime import open_runtime
    from lineal_producers.admission_policies import OPERATOR
    from lineal_producers.on_behalf import check_on_behalf
    from lineal_schemas.envelope import now_us, published_again

    started = now_us()
    if check:
        items = iter([[item for batch in items for item in batch]])
    placed: list[tuple[Position, RawEvent]] = []
    number = 0
    async with open_runtime(settings) as runtime:
        # Who may do everything may also say what lineal says.
        by = await require_acting(runtime.store, "manage" if policy is OPERATOR else "publish")
        async for batch in _in_thread(items):
            events = []
            problems = []
            for item in batch:
                number += 1
                try:
                    event = admit(
                        event_of(topic, item, number, started), policy, topic, actor=by.actor
                    )
                    check_on_behalf(event, by)
                except NotAllowed as error:
                    raise _refusal(f"item {number}: {error}", policy, len(placed)) from error
                except PermanentFailure as error:
                    raise CommandFailed(f"item {number}: {error}") from error
                events.append(event if again is None else published_again(event, again))
                if (problem := schema_error(topic, event)) is not None:
                    problems.append(f"item {number}: {problem}")
            if check and problems:
                raise CommandFailed(f"nothing was published: {'; '.join(problems[:5])}")
            going = [(topic, event) for event in await encode_all(runtime.codec, events)]
            if policy.operator:
                await _record(runtime, events)
            positions = await publish(runtime.bus, runtime.objects, going)
            placed.extend(zip(positions, events, strict=True))
            _warn(problems)
    return placed


async def _record(runtime: Runtime, events: Sequence[RawEvent]) -> None:
    """Put on record what somebody sends as an operator, before it is sent: stages act upon it."""
    from lineal.effects.records import lineage_records
    from lineal.lineage.actor import acting_user
    from lineal.lineage.published import record_of_event
    from lineal_schemas.envelope import now_us

    records = [record_of_event(event, "emit", acting_user(), started=now_us()) for event in events]
    await runtime.committer.publish((), lineage_records(records))


async def _in_thread(items: Iterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
    """Wait for input without holding up the event loop, nor the end of the program: a thread of
    asyncio's own would be waited for, and input may never come."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[list[bytes] | BaseException | None] = asyncio.Queue(1)

    def publish_rest(item: list[bytes] | BaseException | None) -> None:
        if not loop.is_closed():
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def take() -> None:
        try:
            for batch in items:
                publish_rest(batch)
            publish_rest(None)
        except Exception as error:
            publish_rest(error)

    threading.Thread(target=take, name="input", daemon=True).start()
    while (batch := await queue.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _refusal(reason: str, policy: AdmissionPolicy, published: int = 0) -> CommandFailed:
    before = f"; {count_of(published, 'event')} before it went through" if published else ""
    way = "" if policy.operator else ", or send it with --as-operator if you answer for it"
    return CommandFailed(f"{reason}{way}{before}")


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        typer.echo(f"published, but it will end as a dead letter: {plain(problem)}", err=True)


def event_of(topic: str, item: bytes, number: int, started: int) -> RawEvent:
    """The event an item is, or is the data of; one without a time has that of its arrival here.

    Args:
        number: of the item among those that are sent together.
        started: when the sending began, microseconds since the Unix epoch.
    """
    from pydantic_core import from_json as parse_json

    from lineal.events import known_types
    from lineal_schemas.envelope import MalformedEvent, RawEvent, from_json, now_us, schema_uri
    from lineal_schemas.ids import arrival_id
    from lineal_schemas.media_types import JSON_MEDIA_TYPE

    try:
        value = parse_json(item, allow_inf_nan=False)
        media_type = JSON_MEDIA_TYPE
    except ValueError:
        value, media_type = None, _OCTETS
    if isinstance(value, dict) and "specversion" in value:
        try:
            return from_json(item, now_us())
        except MalformedEvent:
            pass  # as data it will be found not to fit, and said so
    identifier = arrival_id(SOURCE, sha256(item).hexdigest(), f"{topic}\n{number}\n{started}")
    model = known_types().get(topic)
    return RawEvent(
        id=identifier,
        source=SOURCE,
        type=topic,
        subject=None,
        time=now_us(),
        datacontenttype=media_type,
        dataschema=None if model is None else schema_uri(topic, model.version),
        partitionkey=identifier,
        traceparent=None,
        causationid=None,
        correlationid=identifier,
        data=item,
    )
