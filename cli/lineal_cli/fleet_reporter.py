"""Reports sensors, models and rollouts while ``lineal up`` runs: a line for each event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_schemas.payload import Payload

Report = Callable[[str, str, dict[str, Any]], None]
"""Takes a type of event, a line for people, and fields for machines."""

_READINGS_SECONDS = 10.0
_QUIET_SECONDS = 5.0
"""Between two lines about anomalies of one device: those in between are counted."""


class FleetReporter:
    """Follows the topics of sensors, models and rollouts."""

    def __init__(self, runtime: Runtime, report: Report) -> None:
        from lineal_consumers.machine_settings import known_machines

        self._runtime = runtime
        self._report = report
        self._machines = known_machines(runtime.settings)
        self._batches = 0
        self._last_reported: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        from lineal_schemas.anomalies import AnomalyClosed, AnomalyOpened, FaultRecognised
        from lineal_schemas.deployments import (
            DeploymentAborted,
            DeploymentCompleted,
            DeploymentRingCompleted,
            DeploymentStarted,
        )
        from lineal_schemas.drift import DriftDetected
        from lineal_schemas.models import (
            ModelDataset,
            ModelEvaluated,
            ModelPromoted,
            ModelRolledBack,
            ModelTrained,
        )
        from lineal_schemas.telemetry import DeviceBirth, TelemetryReadings

        kinds: tuple[type[Payload], ...] = (
            DeviceBirth, AnomalyOpened, AnomalyClosed, FaultRecognised, DriftDetected, ModelDataset,
            ModelTrained, ModelEvaluated, ModelPromoted, ModelRolledBack, DeploymentStarted,
            DeploymentRingCompleted, DeploymentCompleted, DeploymentAborted,
        )  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count(TelemetryReadings.type))
            tasks.create_task(self._report_readings())
            for kind in kinds:
                tasks.create_task(self._follow(kind.type))

    async def _count(self, topic: str) -> None:
        from lineal.bus.protocol import Selection

        await self._runtime.bus.create_topic(topic)
        events = self._runtime.bus.read(topic, Selection(from_now=True), follow=True)
        async for _ in events:
            self._batches += 1

    async def _report_readings(self) -> None:
        while True:
            before = self._batches
            await asyncio.sleep(_READINGS_SECONDS)
            batches = (self._batches - before) / _READINGS_SECONDS
            if batches:
                self._report(
                    "telemetry.readings",
                    f"{batches:.0f} batches of readings a second",
                    {"batches_a_second": round(batches, 1)},
                )

    async def _follow(self, topic: str) -> None:
        from lineal.bus.protocol import Selection
        from lineal.events_on_topic import read_admitted
        from lineal_schemas.envelope import decode

        await self._runtime.bus.create_topic(topic)
        events = read_admitted(self._runtime, topic, Selection(from_now=True), follow=True)
        async for delivery in events:
            data: Any = decode(delivery.event).data
            if topic.startswith("anomaly.") and self._too_soon(topic, data.device):
                continue
            device = getattr(data, "device", "")
            suppressed = self._suppressed.pop(f"{topic} {device}", 0)
            line = _line(topic, data, suppressed, self._units(device))
            self._report(topic, line, {"id": delivery.event.id, "subject": delivery.event.subject})

    def _units(self, device: str) -> Callable[[str], str]:
        """The units of a device's channels, as its machine file has them."""
        from lineal_scoring.machine import machine_of

        machine = machine_of(self._machines, device)
        return (lambda _: "") if machine is None else machine.unit_of

    def _too_soon(self, topic: str, device: str) -> bool:
        now = time.monotonic()
        key = f"{topic} {device}"
        if now - self._last_reported.get(key, -_QUIET_SECONDS) < _QUIET_SECONDS:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return True
        self._last_reported[key] = now
        return False


def _line(topic: str, data: Any, suppressed: int, unit_of: Callable[[str], str]) -> str:
    more = f"  (and {suppressed} more since)" if suppressed else ""
    match topic:
        case "device.birth":
            return f"{data.device} is connected"
        case "anomaly.opened":
            what = ", ".join(f"{c.feature} {c.share:.0%}" for c in data.contributions[:2])
            by = "itself" if data.detector == "device" else "the bus"
            return (
                f"{data.device}: anomaly found by {by}, {data.score:.3g} over "
                f"{data.threshold:.3g} ({what})  {data.anomaly_id[:8]}{more}"
            )
        case "fault.recognised":
            what = "what was marked as normal" if data.fault is None else f"a {data.fault} fault"
            return f"{data.device}: looks like {what} ({data.likeness:.0%})  {data.anomaly_id[:8]}"
        case "anomaly.closed":
            return f"{data.device}: anomaly over ({data.reason})  {data.anomaly_id[:8]}{more}"
        case "drift.detected":
            what = ", ".join(
                f"{f.feature} {f.reference_mean:.3g} → {f.mean:.3g} {unit_of(f.feature)}".rstrip()
                for f in data.features
                if f.drifted
            )
            return f"{data.device}: readings have drifted ({what})"
        case "model.dataset":
            if data.evaluate is not None:
                return f"{data.name} {data.evaluate.model.version} is evaluated again"
            case = data.case.replace("_", " ")
            return (
                f"{data.name}: iteration {data.iteration}, new: {case}; {data.train_items} batches "
                f"to learn from, {data.test_items} to evaluate on, {data.quarantined_items} "
                "quarantined"
            )
        case "model.trained":
            return f"{data.name} {data.model.version} is trained ({data.algorithm})"
        case "model.evaluated":
            figures = " ".join(
                f"{name}={value:.3g}"
                for name, value in data.metrics.items()
                if name not in ("probes", "readings", "documents")
            )
            passed = "passed" if data.passed else "failed"
            outcome = "is the champion" if data.of_champion else passed
            failed = ", ".join(gate.name for gate in data.gates if not gate.passed)
            return f"{data.name} {data.model.version} {outcome}: {figures}  {failed}".rstrip()
        case "model.promoted":
            return f"{data.name} {data.model.version} is in use, by {data.how}"
        case "model.rolled_back":
            return f"{data.name} {data.model.version} is in use again"
        case "deployment.started":
            return f"rollout {data.rollout_id[:8]} has started"
        case "deployment.ring_completed":
            return f"rollout {data.rollout_id[:8]}: ring {data.ring} is done"
        case "deployment.completed":
            return f"rollout {data.rollout_id[:8]} is complete"
        case _:
            return f"rollout {data.rollout_id[:8]} was aborted"
