"""A page of the documentation, run as it stands beside a running service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lineal_local.ports import free_port
from tests.cli.processes import running

DOCS = Path(__file__).parents[2] / "docs"


@contextmanager
def site_of(page: str, folder: Path) -> Iterator[tuple[Path, int]]:
    """A folder with the files that a page shows, in which everything runs, and the port of its HTTP
    service."""
    port = free_port()
    for name, text in re.findall(r"`([\w./-]+)`[^`]*?:\n\n```(?:text|toml)\n(.*?)```", page, re.S):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with running(folder, "up", "--port", str(port)) as daemon:
        daemon.line(lambda line: True)
        yield folder, port


def commands_of(page: str) -> list[str]:
    """The commands of ours in a page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [line for line in "".join(blocks).splitlines() if line.startswith("lineal ")]


def until(ask: Callable[[], Any]) -> Any:
    """What is true at last."""
    deadline = time.monotonic() + 180
    while not (found := ask()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found
