"""Settings for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test asserts on time, Hypothesis's included: a busy machine is not a failure.
settings.register_profile("lineal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lineal")

# real servers, each started by the first test that asks for it
pytest_plugins = [
    "tests.services.missing",
    "tests.services.running",
    "tests.services.kafka",
    "tests.services.postgres",
    "tests.services.aws",
    "tests.services.mosquitto",
    "tests.store.stores",
]
