"""``lineal log``: the transparency log over the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.log_cover import cover
from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.proof.keys import LogKeys
    from lineal.settings import Settings
    from lineal_cli.service import Service

app = typer.Typer(
    no_args_is_help=True, help="Sign the ledger, publish its log, and rotate the key."
)

app.command()(cover)


@app.command()
def key(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print the verifier key, which strangers check the log with.

    It is public. With --json, all keys that ever signed the log, oldest first.
    """
    from lineal.proof.keys import read_verifier_keys

    folder = existing_data(data)
    file = load_settings(folder).log.key_file(folder)
    try:
        keys = read_verifier_keys(file)
    except FileNotFoundError as error:
        raise CommandFailed(f"there is no {file}: `lineal log checkpoint` makes it") from error
    if as_json:
        print_json({"origin": keys[-1].name, "keys": [str(item) for item in keys]})
    else:
        typer.echo(str(keys[-1]))


@app.command()
def checkpoint(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Sign what is in the ledger, and print the newest checkpoint.

    A daemon does so by itself within a second. Witnesses of the policy are asked to cosign it.
    """
    from lineal.proof.checkpoint import parse_checkpoint
    from lineal.proof.note import parse_note

    note = asyncio.run(_signed(load_settings(existing_data(data)), quiet=as_json))
    if note is None:
        raise CommandFailed("there is nothing to sign: the ledger is empty")
    if as_json:
        found = parse_checkpoint(parse_note(note).text)
        print_json(
            {
                "origin": found.origin,
                "size": found.size,
                "root": found.root.hex(),
                "checkpoint": note.decode(),
            }
        )
    else:
        typer.echo(note.decode(), nl=False)


async def _signed(settings: Settings, *, quiet: bool) -> bytes | None:
    from lineal.lineage.actor import this_worker
    from lineal.proof.cosigning import CosignatureCollector
    from lineal.proof.log_tables import read_log
    from lineal.proof.policy import read_policy
    from lineal.proof.writer import LogWriter
    from lineal.runtime import open_runtime
    from lineal_cli.work_bar import work_bar

    async with open_runtime(settings) as runtime:
        await runtime.flush_ledger()
        writer = LogWriter(runtime.store, settings.log, settings.data, this_worker())
        with work_bar(quiet=quiet) as show:
            while (done := await writer.advance(keep=True)) is not None:
                show("records", done.size, done.records)
                if not done.behind:
                    break
        if settings.log.policy is not None:
            policy = read_policy(settings.log.policy)
            await CosignatureCollector(runtime.store, writer, policy).collect()
        if done is not None:
            await writer.release()
        row = await runtime.store.read(read_log)
        return None if row is None else row.checkpoint


@app.command()
def rotate(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the log a new key.

    A record says so, and the checkpoint that covers it is signed by both keys: whoever trusts the
    old one can trust the new one. The old private key is then gone; its signatures stay valid.
    """
    settings = load_settings(existing_data(data))
    if not yes and not as_json:
        typer.confirm("Replace the key that signs the log?", abort=True)
    keys = asyncio.run(_rotated(settings))
    if as_json:
        print_json({"origin": keys.origin, "keys": [str(item) for item in keys.verifiers]})
    else:
        typer.echo(f"the log is signed with {keys.verifiers[-1]} from now on")


async def _rotated(settings: Settings) -> LogKeys:
    from lineal.proof.rotation import rotate_key
    from lineal.runtime import open_runtime

    async with open_runtime(settings) as runtime:
        return await rotate_key(runtime)


@app.command("begin")
def begin(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is put on record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin another log, when the one there is can never be signed again.

    As after a ledger was restored from an older copy: what was signed since is not in it any more.
    The key and the checkpoints are put aside and a new log, with a new name, is signed. Tell those
    who trusted the old one: for them, what it proved is all that is proven.
    """
    settings = load_settings(existing_data(data))
    if not yes and not as_json:
        typer.confirm("Give the log up, and begin another?", abort=True)
    keys = asyncio.run(_begun(settings, reason))
    if as_json:
        print_json({"origin": keys.origin, "keys": [str(item) for item in keys.verifiers]})
    else:
        typer.echo(f"the log is {keys.verifiers[-1]} from now on")


async def _begun(settings: Settings, reason: str) -> LogKeys:
    from lineal.proof.rotation import begin_log
    from lineal.runtime import open_runtime

    async with open_runtime(settings) as runtime:
        return await begin_log(runtime, reason)


@app.command()
def follow(
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve health and metrics on this port; off unless set."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Extend and sign the log, and run no stage.

    For the one machine that has the key, where others run the stages (with
    LINEAL_LOG__ENABLED=false). Runs until SIGTERM or Ctrl-C.
    """
    from lineal_cli.lifetime import run_in_loop

    settings = load_settings(data, workers=1)
    log = settings.log.model_copy(update={"enabled": True})
    run_in_loop(_follow(settings.model_copy(update={"log": log}), port, as_json))


async def _follow(settings: Settings, port: int | None, as_json: bool) -> None:
    from lineal_cli.daemon_command import run_daemon, url_of

    async def ready(service: Service) -> dict[str, Any]:
        return {"url": url_of(service, settings)}

    await run_daemon("log", settings, [], ready, port=port, as_json=as_json)


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="HTTP port; 0 for any free one.")
    ] = 8481,
    listen: Annotated[str, typer.Option(help="Address; others let other machines in.")] = (
        "127.0.0.1"
    ),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the log over HTTP, read only, for any client of C2SP tlog-tiles.

    Who reads it learns how many records there are, and their digests: not what they hold. Runs
    until SIGTERM or Ctrl-C.
    """
    from lineal_cli.lifetime import run_in_loop

    settings = load_settings(existing_data(data))
    run_in_loop(_serve(settings.model_copy(update={"listen": listen}), port, as_json))


async def _serve(settings: Settings, port: int, as_json: bool) -> None:
    import orjson
    import structlog

    from lineal.observability.logging import configure_logging
    from lineal.proof.serving import log_routes, public_application
    from lineal.runtime import open_runtime
    from lineal_cli.lifetime import StopSignal
    from lineal_cli.printing import write_bytes
    from lineal_producers.http.serving import LoopbackServer, bind

    configure_logging(settings.log_level, settings.log_format, daemon=True)
    log = structlog.get_logger(__name__)
    listening = bind(settings.listen, port)
    signal = StopSignal(lambda: log.info("log.stopping"))
    signal.install()
    async with open_runtime(settings) as runtime:
        routes = log_routes(runtime.store, witnessed=settings.log.policy is not None)
        server = LoopbackServer(public_application(routes, settings.listen), listening)
        await server.start()
        url = f"http://{settings.listen}:{server.port}"
        log.info("log.ready", url=url)
        if as_json:
            write_bytes(orjson.dumps({"ready": True, "url": url}) + b"\n")
        await signal.wait()
        await server.stop()
