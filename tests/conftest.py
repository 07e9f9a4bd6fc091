"""Settings for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test asserts on time, Hypothesis's included: a busy machine is not a failure.
settings.register_profile("lineal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lineal")
