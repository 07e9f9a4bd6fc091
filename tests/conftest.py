"""Settings for all tests."""

from __future__ import annotations

import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# real servers, each started by the first test that asks for it
pytest_plugins = [
    "tests.services.missing",
    "tests.services.running",
    "tests.services.kafka",
    "tests.services.postgres",
    "tests.services.aws",
    "tests.services.mosquitto",
    "tests.services.dovecot",
    "tests.store.stores",
    "tests.long",
    "tests.alone",
    "tests.grouping",
    "tests.logs",
]

# No test asserts on time, Hypothesis's included: a busy machine is not a failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=50)
settings.register_profile("long", _PATIENT, max_examples=1000)


# jsonschema looks for it when it is imported. It then builds its grammar, for two seconds in each
# test process, and no test checks IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and it ours; some tests send it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("long" if config.getoption("long") else "quick")
