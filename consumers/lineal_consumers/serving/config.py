"""Settings of serving: what a model has to pass, and how it comes to answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal.name_patterns import first_match

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class ServingRules(BaseModel):
    """What the versions of a model have to pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_mb: Positive = 512.0
    """Of the model's file."""
    max_deviation: Annotated[float, Field(ge=0)] = 1e-4
    """From the answers that were recorded at its evaluation; relative above 1."""
    max_error: Positive = 1.1
    """On the golden samples, as a multiple of what knowing nothing costs."""
    max_error_growth: Positive = 1.25
    """On the golden samples, as a multiple of the error of the version that answers now."""
    max_latency_ms: Positive = 250.0
    """Of one row, the 95th percentile."""
    max_grown_mb: Positive = 64.0
    """Memory by which it may grow, over all runs of its tests, and while it answers."""
    runs: Annotated[int, Field(ge=1)] = 200
    """Rows that are computed one by one in the tests."""
    test_seconds: Positive = 60.0
    """Of processor time, and five times as many by the clock: a model that is not through its tests
    by then hangs."""
    shadow_requests: Annotated[int, Field(ge=0)] = 50
    """That a new version computes beside the one that answers; 0: none."""
    steps: tuple[Fraction, ...] = (0.05, 0.25, 0.5)
    """Shares of the requests that a new version answers, one after another; then all."""
    step_requests: Annotated[int, Field(ge=1)] = 100
    """That it has to answer in each step."""
    max_errors: Fraction = 0.02
    """Share of its requests that it may fail at."""
    max_latency_ratio: Positive = 2.0
    """Its 95th percentile as a multiple of the one of the version before."""
    ignored_latency_ms: Annotated[float, Field(ge=0)] = 20.0
    """Below, a version is not slow."""
    max_score_shift: Fraction = 0.3
    """Largest distance of the distribution functions of what both answer, beyond chance."""

    @field_validator("steps")
    @classmethod
    def _growing(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if list(steps) != sorted(set(steps)) or any(share in (0.0, 1.0) for share in steps):
            raise ValueError("steps are growing shares between 0 and 1")
        return steps


class ServingConfig(BaseModel):
    """Settings of the ``serving`` stages: ``[stages.serving]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ServingRules] = {"*": ServingRules()}
    """By model names (``*`` and ``?`` allowed); the first that fits."""


def rules_for(config: ServingConfig, name: str) -> ServingRules:
    """The rules of a model; the default ones where none are set."""
    return first_match(config.models, name) or ServingRules()
