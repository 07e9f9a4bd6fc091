"""A process that runs one stage until SIGTERM: ``python -m tests.conformance.worker ORDER``."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import structlog

from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages.runner import RunnerSettings, StageRunner
from lineal.stages.topics import stage_topics
from tests.conformance.workload import STAGES

# Nobody empties the pipe that standard output is.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


async def main() -> None:
    order = json.loads(sys.argv[1])
    stage = STAGES[order["stage"]]
    async with open_runtime(Settings(**order["settings"])) as runtime:
        options = RunnerSettings(**order["options"])
        runner = StageRunner(runtime.bind(stage), runtime.committer, options)
        subscription = await runtime.bus.subscribe(
            stage.name, stage_topics(stage), on_revoking=runner.revoking
        )

        def stop() -> None:
            runner.stop()
            print("stopping", flush=True)

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        print("ready", flush=True)
        await runner.run(subscription)


asyncio.run(main())
