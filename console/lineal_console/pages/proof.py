"""What is proven: the log and its checkpoint, witnesses, and a check on demand."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from lineal.proof.checkpoint import parse_checkpoint
from lineal.proof.log_tables import last_record, read_log
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_console.proof_state import proven_sizes
from lineal_schemas.envelope import now_us

PROOF = Page("proof", "Proof", section="system", order=10)


class Verification(NamedTuple):
    """The last check that was asked for here."""

    begun: int
    by: str
    ended: int | None = None
    result: dict[str, Any] | None = None
    """What ``lineal verify --json`` says."""
    problem: str | None = None


class _Verifier:
    """Runs ``lineal verify`` beside the service, one at a time: a process of its own, since it
    reads the whole ledger."""

    def __init__(self) -> None:
        self.last: Verification | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, runtime: Runtime, by: str) -> None:
        if self._task is not None and not self._task.done():
            return
        self.last = Verification(now_us(), by)
        self._task = asyncio.create_task(self._run(str(runtime.settings.data.resolve())))

    async def _run(self, data: str) -> None:
        assert self.last is not None
        complaint = ""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lineal_cli.main", "verify", "--json", "--data", data,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, errors = await process.communicate()
            complaint = errors.decode(errors="replace").strip()
            result = orjson.loads(out)
        except (OSError, ValueError) as error:
            self.last = self.last._replace(ended=now_us(), problem=complaint or str(error))
        else:
            self.last = self.last._replace(ended=now_us(), result=result)


def _verifier(request: PageRequest) -> _Verifier:
    return request.console.shared("verifier", _Verifier)


@PROOF.get()
async def proof(request: PageRequest) -> Response:
    """The state of the log."""

    def look(connection: Connection) -> dict[str, Any]:
        row = read_log(connection)
        return {
            "row": row,
            "records": last_record(connection),
            "sizes": proven_sizes(connection),
        }

    found = await request.runtime.store.read(look)
    row = found["row"]
    note = None if row is None or row.checkpoint is None else row.checkpoint.decode()
    text, _, signatures = (note or "").partition("\n\n")
    return request.render(
        "proof.html",
        checkpoint=None if note is None else parse_checkpoint(text + "\n"),
        note=note,
        signers=[line.split(" ")[1] for line in signatures.splitlines() if line.startswith("— ")],
        keys=[] if row is None else row.keys.split(),
        verification=_verifier(request).last,
        **found,
    )


@PROOF.get("/verification")
async def verification(request: PageRequest) -> Response:
    """How far the check is, as a part of the page."""
    return request.render("proof_verification.html", verification=_verifier(request).last)


@PROOF.post("/verify", act="replay")
async def verify(request: PageRequest) -> Response:
    """Check everything now. It takes a processor for a while, so not every reader may."""
    _verifier(request).begin(request.runtime, request.credential.actor)
    return request.redirect(PROOF.url)
