"""``lineal examples run regions``: jobs in three regions, one of which is killed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from lineal_cli.examples.example_run import ExampleRun

_OTHERS = ("oslo", "bonn")


async def show(example: ExampleRun) -> list[str]:
    """Letters are registered in regions; when one is killed, its job goes to another; what the
    others registered is brought home over links."""
    from lineal.access.credential import owner_credential
    from lineal.runtime import open_runtime
    from lineal.settings import Settings
    from lineal_producers.admission_policies import EMIT
    from lineal_producers.arrival import store
    from lineal_producers.regions.coordinator import Coordinator, RunSettings
    from lineal_producers.regions.job_events import JobEvents
    from lineal_producers.regions.link import Link
    from lineal_producers.regions.manifest import Job, Manifest
    from lineal_producers.regions.region import open_region

    links = {
        f"{name}-rome": {"from": name, "to": "rome", "topics": ["document.registered"]}
        for name in _OTHERS
    }
    buses = {name: {"data": example.folder / name} for name in _OTHERS}
    given: Any = {"regions": {"here": "rome", "buses": buses, "links": links}}
    settings = Settings(data=example.folder / "rome", durability="normal", **given)
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(open_runtime(settings))
        daemons = {}
        for name in _OTHERS:
            example.report(f"a daemon begins in {name} ...")
            daemons[name] = await _daemon(example.folder / name)
            stack.push_async_callback(_end, daemons[name])
        jobs = []
        for number in range(1, 5):
            content = await store(runtime, BytesIO(b"Dear Ann, letter %d." % number))
            data = {
                "name": f"letter-{number}.txt",
                "source": f"example:letter-{number}",
                "content": content.model_dump(),
            }
            jobs.append(
                Job(id=f"letter-{number}", type="document.arrived", data=data,
                    answer="document.registered", region="bonn" if number == 1 else "any")
            )  # fmt: skip
        regions = ("rome", *_OTHERS)
        home = await stack.enter_async_context(open_region(settings, "rome", runtime))
        killed = False

        def report(line: str) -> None:
            nonlocal killed
            example.report(f"  {line}")
            if line.endswith("done by bonn") and not killed:
                killed = True
                example.report("  (the daemon in bonn is killed)")
                daemons["bonn"].kill()

        run = Manifest(run="example", jobs=tuple(jobs))
        events = JobEvents("example", home, owner_credential(), EMIT)
        chosen = RunSettings(away_seconds=2, answer_seconds=60)
        states = await Coordinator(runtime, run, events, regions, chosen, report).run()
        brought = {name: (await Link(runtime, name).run_once()).brought for name in links}
    by_region = [state.done.region for state in states if state.done is not None]
    again = sum(len(state.attempts) > 1 for state in states)
    return [
        f"{len(by_region)} of {len(jobs)} letters were registered: {by_region.count('oslo')} in "
        f"oslo and {by_region.count('bonn')} in bonn, which was killed; {again} went elsewhere",
        "their bytes were copied from rome to the regions, and compared with their digests",
        f"links brought {sum(brought.values())} events home, each once: "
        f"`lineal lineage --by link:oslo-rome --data {example.folder / 'rome'}`",
    ]


async def _daemon(data: Path) -> asyncio.subprocess.Process:
    """A daemon that registers documents, when it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lineal_cli.main", "run", "register", "--data", str(data), "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
