"""Real servers on this machine, without Docker: for tests, benchmarks and developers.

Kafka, Postgres, an AWS emulator and mosquitto, each on free ports in a temporary directory. They
end with the process that started them, however that ends. `Unavailable` says what is missing.
"""

from __future__ import annotations

from lineal_local.availability import Unavailable

__all__ = ["Unavailable"]
