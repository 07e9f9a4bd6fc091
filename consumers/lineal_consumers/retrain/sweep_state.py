"""Which settings a sweep tries next, and which runs are not worth going on with (optuna)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from pydantic import BaseModel, ConfigDict

from lineal_schemas.models import SettingValue
from lineal_schemas.objects import ObjectRef
from lineal_schemas.sweeps import RunState, SweepRequested, SweptSetting

STEPS = 3
"""Folds that a run is measured on, one after another."""


class Run(BaseModel):
    """One choice of settings."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, SettingValue]
    scores: tuple[float, ...] = ()
    state: RunState | None = None
    """None: it is still running."""

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores) if self.scores else float("-inf")


class SweepState(BaseModel):
    """What is remembered of a sweep."""

    model_config = ConfigDict(frozen=True)

    request: SweepRequested
    manifest: ObjectRef
    runs: tuple[Run, ...] = ()
    stopped: bool = False
    over: bool = False

    @property
    def running(self) -> int:
        return sum(run.state is None for run in self.runs)

    @property
    def best(self) -> int | None:
        """The number of the best finished run; the earliest of equal ones."""
        finished = [n for n, run in enumerate(self.runs) if run.state == "finished"]
        return max(finished, key=lambda n: (self.runs[n].mean, -n)) if finished else None

    def with_run(self, number: int, run: Run) -> SweepState:
        runs = (*self.runs[:number], run, *self.runs[number + 1 :])
        return self.model_copy(update={"runs": runs})


def run_count(request: SweepRequested) -> int:
    """How many runs a sweep has at most."""
    if request.method != "grid":
        return request.runs
    count = 1
    for setting in request.settings.values():
        count *= len(setting.values)
    return min(count, request.runs)


def propose(state: SweepState) -> dict[str, SettingValue]:
    """The settings of the next run: the same for the same state."""
    request, number = state.request, len(state.runs)
    if request.method == "grid":
        names = sorted(request.settings)
        every = product(*(request.settings[name].values for name in names))
        chosen = next(values for place, values in enumerate(every) if place == number)
        return dict(zip(names, chosen, strict=True))
    import optuna

    seed = request.seed + number
    sampler = (
        optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
        if request.method == "tpe"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    study = _study(state, sampler)
    values: dict[str, SettingValue] = study.ask(_distributions(request.settings)).params
    return values


def should_prune(state: SweepState, number: int) -> bool:
    """Whether a run is worse so far than the median of the others at the same step."""
    import optuna

    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0)
    study = _study(state, optuna.samplers.RandomSampler(seed=0))
    return bool(pruner.prune(study, study.trials[number]))


def _study(state: SweepState, sampler: Any) -> Any:
    """The sweep so far, as optuna has it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    states = {
        None: optuna.trial.TrialState.RUNNING,
        "finished": optuna.trial.TrialState.COMPLETE,
        "pruned": optuna.trial.TrialState.PRUNED,
        "failed": optuna.trial.TrialState.FAIL,
    }
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = _distributions(state.request.settings)
    for run in state.runs:
        so_far = [sum(run.scores[: n + 1]) / (n + 1) for n in range(len(run.scores))]
        study.add_trial(
            optuna.trial.create_trial(
                state=states[run.state],
                value=run.mean if run.state == "finished" else None,
                params=run.values,
                distributions=distributions,
                intermediate_values=dict(enumerate(so_far)),
            )
        )
    return study


def _distributions(settings: Mapping[str, SweptSetting]) -> dict[str, Any]:
    import optuna

    found: dict[str, Any] = {}
    for name, setting in sorted(settings.items()):
        if setting.low is None or setting.high is None:
            found[name] = optuna.distributions.CategoricalDistribution(setting.values)
        elif setting.whole:
            found[name] = optuna.distributions.IntDistribution(
                int(setting.low), int(setting.high), log=setting.log
            )
        else:
            found[name] = optuna.distributions.FloatDistribution(
                setting.low, setting.high, log=setting.log
            )
    return found
