"""``lineal log cover``: a log over other logs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import FAILED, CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import plain, write_bytes
from lineal_cli.reading import reading_folder

if TYPE_CHECKING:
    from lineal.proof.checkpoint import OpenedCheckpoint
    from lineal.proof.covering import CoveredLog
    from lineal.proof.following import LogSource
    from lineal.proof.note import VerifierKey
    from lineal.runtime import Runtime
    from lineal.settings import Settings


def cover(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOG]...",
            help="Data folder of a log, or the address where it is served. None: all that were "
            "covered before.",
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            metavar="VKEY",
            help="Verifier key of a log; of several. Needed for an address, and after a log's "
            "key was rotated; of a folder the key in it is taken the first time.",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the checkpoints of other logs in this ledger.

    One checkpoint of this log then stands for all that is in the others, and one witness is enough
    for all. Each is recorded if its log begins with what was recorded before. If not, the log is
    named, the others go on, and the command fails at its end. Runs until Ctrl-C.
    """
    from lineal_cli.lifetime import run_in_loop

    settings = load_settings(data)
    given = [place if _is_address(place) else str(Path(place).resolve()) for place in places or ()]
    if str(settings.data.resolve()) in given:
        raise CommandFailed("a log does not cover itself: give this one a folder of its own")
    if run_in_loop(_cover(settings, given, log or (), None if once else seconds, as_json)):
        raise typer.Exit(FAILED)


def _is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


async def _cover(
    settings: Settings,
    given: Sequence[str],
    log: Sequence[str],
    seconds: float | None,
    as_json: bool,
) -> bool:
    """Whether anything was wrong in the last look.

    Args:
        seconds: between two looks; None: look once.
    """
    from lineal.proof.note import parse_verifier_key
    from lineal.runtime import open_runtime
    from lineal_cli.lifetime import StopSignal

    signal = StopSignal(lambda: None)
    signal.install()
    keys = [parse_verifier_key(item) for item in log]
    reported: dict[str, str] = {}
    async with open_runtime(settings) as runtime:
        while True:
            failures = await _look(runtime, given, keys, as_json)
            for place, problem in failures.items():
                if reported.get(place) != problem:
                    typer.echo(f"lineal: {place}: {plain(problem)}", err=True)
            reported = failures
            if seconds is None:
                return bool(failures)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(signal.wait(), seconds)
                return bool(failures)


async def _look(
    runtime: Runtime, given: Sequence[str], keys: Sequence[VerifierKey], as_json: bool
) -> dict[str, str]:
    """Record what is new, and sign it; returns what is wrong, by the place of the log."""
    from lineal.errors import LinealError
    from lineal.proof.covering import cover_records, covered_logs, record_covered

    await runtime.flush_ledger()
    known = await runtime.store.read(covered_logs)
    places = list(dict.fromkeys([*given, *(item.place for item in known if not given)]))
    if not places:
        raise CommandFailed("name a log to cover: its data folder, or where it is served")
    failures: dict[str, str] = {}
    records = []
    looked_at: dict[str, str] = {}  # by the name of the log, where it is
    for place in places:
        try:
            opened = await asyncio.to_thread(_newest, place, keys, known)
        except (LinealError, OSError, ValueError) as error:
            failures[place] = str(error)
            continue
        if opened is None:
            origin = next(item.origin for item in known if item.place == place)
        else:
            origin = opened.checkpoint.origin
        # Neither may be recorded beside the other: they are of one name, and perhaps of two trees.
        if looked_at.setdefault(origin, place) != place:
            failures[place] = f"{origin} is in {looked_at[origin]} as well: name one of the two"
            continue
        if opened is not None:
            records += cover_records(place, opened, known)
            _report(place, opened.checkpoint.origin, opened.checkpoint.size, as_json)
    if records:
        await record_covered(runtime, records)
    await _sign(runtime)
    return failures


def _newest(
    place: str, keys: Sequence[VerifierKey], known: Sequence[CoveredLog]
) -> OpenedCheckpoint | None:
    from lineal.proof.covering import next_checkpoint

    before = [item.key for item in known if item.place == place]
    with _source(place) as source:
        trusted = [*keys, *before] or _first_keys(place, known)
        return next_checkpoint(place, source, trusted, known)


def _first_keys(place: str, known: Sequence[CoveredLog]) -> Sequence[VerifierKey]:
    """The key in a folder; of a log that was covered elsewhere, the key that is on record."""
    from lineal.proof.keys import read_verifier_keys

    if _is_address(place):
        raise CommandFailed("name the log's verifier key with --log")
    try:
        newest = read_verifier_keys(Path(place) / "log.key")[-1]
        return [item.key for item in known if item.origin == newest.name] or [newest]
    except FileNotFoundError as error:
        raise CommandFailed(
            "there is no log.key there: name the log's verifier key with --log, or have the log "
            "signed first (`lineal log checkpoint`)"
        ) from error


@contextlib.contextmanager
def _source(place: str) -> Iterator[LogSource]:
    from lineal.proof.covering import StoredLog
    from lineal.proof.log_client import LogClient

    if _is_address(place):
        yield LogClient(place)
        return
    with reading_folder(Path(place)) as connection:
        yield StoredLog(connection)


async def _sign(runtime: Runtime) -> None:
    from lineal.lineage.actor import this_worker
    from lineal.proof.cosigning import CosignatureCollector
    from lineal.proof.policy import read_policy
    from lineal.proof.writer import LogWriter, sign_behind

    settings = runtime.settings
    await sign_behind(runtime.store, settings.log, settings.data)
    if settings.log.policy is not None:
        writer = LogWriter(runtime.store, settings.log, settings.data, this_worker())
        policy = read_policy(settings.log.policy)
        await CosignatureCollector(runtime.store, writer, policy).collect()


def _report(place: str, origin: str, size: int, as_json: bool) -> None:
    import orjson

    if as_json:
        write_bytes(orjson.dumps({"origin": origin, "size": size, "place": place}) + b"\n")
    else:
        typer.echo(f"covered {origin} at {size}")
