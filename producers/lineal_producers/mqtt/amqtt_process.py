"""amqtt as a process: ``python -m lineal_producers.mqtt.amqtt_process PORT``.

Ends when its standard input does, so with whoever started it.
"""

from __future__ import annotations

import asyncio
import logging
import sys


async def serve(port: int) -> None:
    """Run until standard input ends."""
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
            },
        }
    )
    await broker.start()
    await asyncio.to_thread(sys.stdin.buffer.read)
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(int(sys.argv[1])))
