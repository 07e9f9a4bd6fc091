"""Verifies the logs that a ledger covers, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import orjson

from lineal.proof.covering import CoveredLog, covered_logs
from lineal.proof.http import Unreachable
from lineal.proof.log_client import LogClient
from lineal.proof.verification import Finding, Progress, VerificationContext

NAME = "covered"
_MAX_FINDINGS = 20
"""Of one log."""


class CoveredCheck:
    """Each log that is covered, with what was recorded of it. See
    :class:`lineal.proof.verification.Check`.

    Of a data folder everything is verified, in a process of its own; of a log that is served, that
    its tree still begins with the one that was recorded.

    Args:
        folder: of the ledger that covers them.
        offline: whether logs that are served are left out.
    """

    name = NAME

    def __init__(self, folder: Path, *, offline: bool) -> None:
        self._folder = folder.resolve()
        self._offline = offline

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        covered = [] if context.since is not None else covered_logs(context.connection)
        if not covered:
            return
        left_out = [item for item in covered if self._offline and _is_served(item)]
        checked = [item for item in covered if item not in left_out]
        context.results |= {"covered": len(checked)}
        if left_out:
            names = ", ".join(item.origin for item in left_out)
            context.results["covered_left_out"] = names
        progress(0, len(checked))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting = {pool.submit(self._problems, item): item for item in checked}
            for done, future in enumerate(as_completed(waiting), 1):
                progress(done, len(checked))
                origin = waiting[future].origin
                problems = future.result()
                for problem in problems[:_MAX_FINDINGS]:
                    yield Finding(NAME, f"{origin}: {problem}")
                if len(problems) > _MAX_FINDINGS:
                    more = len(problems) - _MAX_FINDINGS
                    yield Finding(NAME, f"{origin}: {more} more are wrong")

    def _problems(self, item: CoveredLog) -> list[str]:
        return _served(item) if _is_served(item) else self._in_folder(item)

    def _in_folder(self, item: CoveredLog) -> list[str]:
        if not Path(item.place).is_dir():
            return [f"there is no {item.place} any more, where the log was"]
        command = [
            sys.executable, "-m", "lineal_cli.main", "verify", "--offline", "--json",
            "--data", item.place, "--key", str(item.key), "--checkpoint", str(self._folder),
        ]  # fmt: skip
        # As it is in its folder: what is set here is of the ledger that covers it.
        kept = {k: value for k, value in os.environ.items() if not k.startswith("LINEAL_")}
        done = subprocess.run(command, capture_output=True, cwd=item.place, env=kept, check=False)
        try:
            said = orjson.loads(done.stdout)
        except orjson.JSONDecodeError:
            return [f"cannot be verified: {done.stderr.decode(errors='replace').strip()}"]
        return [finding["what"] for finding in said["findings"]]


def _is_served(item: CoveredLog) -> bool:
    return item.place.startswith(("http://", "https://"))


def _served(item: CoveredLog) -> list[str]:
    recorded = item.checkpoint
    try:
        root = LogClient(item.place).tree(recorded.size).root(recorded.size)
    except (Unreachable, LookupError) as error:
        return [f"cannot be read: {error}"]
    if root == recorded.root:
        return []
    return [f"the log at {item.place} is not the one that was recorded at {recorded.size} records"]
