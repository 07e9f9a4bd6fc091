"""``lineal witness``: cosigning the checkpoints of other people's logs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import JsonOption
from lineal_cli.printing import print_json

if TYPE_CHECKING:
    from lineal.proof.note import VerifierKey
    from lineal.proof.witness import Witness

app = typer.Typer(
    no_args_is_help=True, help="Cosign checkpoints of logs that were not tampered with."
)

LogOption = Annotated[
    list[str], typer.Option("--log", metavar="VKEY", help="Verifier key of a log; of several.")
]
DirectoryOption = Annotated[
    Path,
    typer.Option(
        "--dir", metavar="DIR", help="Folder of the witness's key, and of what it has seen."
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Name of a new key, as a URL without its scheme.", show_default=False
    ),
]
_DEFAULT = Path("witness")


@app.command()
def key(
    directory: DirectoryOption = _DEFAULT, name: NameOption = None, as_json: JsonOption = False
) -> None:
    """Print the witness's verifier key, for policies; made on first use."""
    witness = _witness(directory, name, [])
    if as_json:
        print_json({"name": witness.signer.verifier.name, "key": str(witness.signer.verifier)})
    else:
        typer.echo(str(witness.signer.verifier))


@app.command()
def serve(
    log: LogOption,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="HTTP port; 0 for any free one.")
    ] = 8482,
    listen: Annotated[
        str, typer.Option(help="Address; others let logs on other machines in.")
    ] = "127.0.0.1",
    directory: DirectoryOption = _DEFAULT,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer logs that ask for cosignatures, over HTTP (C2SP tlog-witness).

    Run it on a machine that those who could edit the ledger cannot reach. Runs until SIGTERM or
    Ctrl-C.
    """
    from lineal_cli.lifetime import run_in_loop

    witness = _witness(directory, name, _keys(log))
    run_in_loop(_serve(witness, listen, port, as_json))


@app.command()
def follow(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the log is served.")],
    log: LogOption,
    seconds: Annotated[float, typer.Option(min=0.1, help="Between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    directory: DirectoryOption = _DEFAULT,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a log's checkpoints, check that each begins with the last, and cosign them.

    The newest stays in the folder, and `lineal witness serve` on the same folder gives it out.
    Fails, without cosigning, when the log is not consistent with what was seen before.
    """
    from lineal.proof.following import witness_newest
    from lineal.proof.http import Unreachable
    from lineal.proof.log_client import LogClient

    keys = _keys(log)
    witness = _witness(directory, name, keys)
    client = LogClient(url)
    while True:
        try:
            opened = witness_newest(client, keys, witness)
        except Unreachable as error:
            if once:
                raise
            typer.echo(f"lineal: {error}; trying again", err=True)
        else:
            if opened is not None:
                _report(opened.checkpoint.origin, opened.checkpoint.size, as_json)
        if once:
            return
        time.sleep(seconds)


def _report(origin: str, size: int, as_json: bool) -> None:
    if as_json:
        print_json({"origin": origin, "size": size})
    else:
        typer.echo(f"cosigned {origin} at {size}")


def _keys(log: list[str]) -> list[VerifierKey]:
    from lineal.proof.note import parse_verifier_key

    return [parse_verifier_key(item) for item in log]


def _witness(directory: Path, name: str | None, logs: list[VerifierKey]) -> Witness:
    from lineal.proof.keys import default_origin, make_keys, read_keys
    from lineal.proof.note import COSIGNATURE
    from lineal.proof.witness import Witness

    file = directory / "witness.key"
    try:
        keys = read_keys(file)
    except FileNotFoundError:
        called = name or default_origin().replace("/lineal/", "/witness/")
        keys = make_keys(file, called, COSIGNATURE)
    return Witness(keys.signers[-1], logs, directory)


async def _serve(witness: Witness, listen: str, port: int, as_json: bool) -> None:
    import orjson
    import structlog

    from lineal.observability.logging import configure_logging
    from lineal.proof.serving import public_application
    from lineal.proof.witness_serving import witness_routes
    from lineal_cli.lifetime import StopSignal
    from lineal_cli.printing import write_bytes
    from lineal_producers.http.serving import LoopbackServer, bind

    configure_logging("info", "auto", daemon=True)
    log = structlog.get_logger(__name__)
    listening = bind(listen, port)
    signal = StopSignal(lambda: log.info("witness.stopping"))
    signal.install()
    server = LoopbackServer(public_application(witness_routes(witness), listen), listening)
    await server.start()
    url = f"http://{listen}:{server.port}"
    log.info("witness.ready", url=url, key=str(witness.signer.verifier))
    if as_json:
        write_bytes(orjson.dumps({"ready": True, "url": url}) + b"\n")
    await asyncio.wait([asyncio.create_task(signal.wait())])
    await server.stop()
