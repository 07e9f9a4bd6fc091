"""A process with a stage that costs 200 microseconds of CPU an event, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from benchmarks.passthrough import Ping, Pong, new_runner, run
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal.stages import Context, NoConfig, stage
from lineal_cli.lifetime import run_in_loop

_CPU_NANOSECONDS = 200_000


@stage("benchmark", version="1", produces=Pong)
async def costly(ping: Ping, ctx: Context[NoConfig]) -> Pong:
    until = time.thread_time_ns() + _CPU_NANOSECONDS
    while time.thread_time_ns() < until:
        pass
    return Pong(key=ping.key, text=ping.text)


async def main() -> None:
    async with open_runtime(Settings.model_validate_json(sys.argv[1])) as runtime:
        runner = new_runner(runtime, costly)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runner.stop)
        await run(runtime, runner)


if __name__ == "__main__":
    run_in_loop(main())
