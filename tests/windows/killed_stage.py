"""Windows of a stage whose process is killed."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

from lineal import Context, stage
from lineal.windows import Sliding, Window, Windows
from lineal_schemas.payload import Payload

SIZE = timedelta(milliseconds=400)
EVERY = timedelta(milliseconds=200)


class Viewed(Payload, type="killed.viewed", version=1):
    page: str
    at_us: int
    scratch: str = ""
    """The process is killed where it is handled first, if this names a folder."""

    def partition_key(self) -> str:
        return self.page


class ViewsDue(Payload, type="killed.views_due", version=1):
    page: str

    def partition_key(self) -> str:
        return self.page


class ViewsCounted(Payload, type="killed.views_counted", version=1):
    page: str
    begin: int
    views: int
    revision: int


SHAPE = Sliding(SIZE, EVERY)
COUNTS: Windows[Viewed, int] = Windows(
    SHAPE,
    int,
    start=int,
    add=lambda count, view: count + 1,
    lateness=timedelta(milliseconds=100),
    kept=timedelta(hours=1),
    due=lambda page: ViewsDue(page=page),
)


def _counted(page: str, windows: tuple[Window[int], ...]) -> list[ViewsCounted]:
    return [
        ViewsCounted(page=page, begin=w.begin, views=w.value, revision=w.revision) for w in windows
    ]


@stage("views", version="1", produces=ViewsCounted, memo=False)
async def views(view: Viewed, ctx: Context) -> list[ViewsCounted]:
    added = await COUNTS.add(ctx, view.page, view, view.at_us)
    if view.scratch:
        killed = Path(view.scratch) / f"killed-{view.page}-{view.at_us}"
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return _counted(view.page, tuple(added.windows))


@views.on
async def over(due: ViewsDue, ctx: Context) -> list[ViewsCounted]:
    return _counted(due.page, tuple(await COUNTS.advance(ctx, due.page)))
