"""A device of real parts: disk, downloads, models, processes. Also a program, to be killed:
``python -m tests.edge.update.real_device FOLDER JOB REPORTS`` runs until the job has ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from lineal_edge.clock import SystemClock
from lineal_edge.interfaces import AnomalyPayload, ScorerContext, UpdaterContext
from lineal_edge.reading import Reading
from lineal_edge.update.live_scorer import build_scorer
from lineal_edge.update.updater import build_updater
from lineal_schemas.deployments import DeploymentJobUpdated, JobDocument, JobNotice
from lineal_schemas.payload import Payload
from tests.edge.update.graphs import FEATURES
from tests.edge.update.simulated_device import DEVICE, KEYS

BOOT = "0" * 32


class RealDevice:
    """Scorer and updater, with readings that never stop while it runs."""

    def __init__(self, folder: Path, reports: Path | None = None) -> None:
        clock = SystemClock()
        self.reports: list[DeploymentJobUpdated] = []
        self.anomalies: list[AnomalyPayload] = []
        self.readings = 0
        self._file = reports
        self.scorer = build_scorer(ScorerContext(DEVICE, BOOT, FEATURES, folder, clock))
        self.updater = build_updater(
            UpdaterContext(DEVICE, folder, KEYS, None, self._report, self.scorer, clock, None)
        )
        self._stopping = threading.Event()
        self._sampler = threading.Thread(target=self._sample)

    def __enter__(self) -> RealDevice:
        self.updater.start()
        self._sampler.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._sampler.join()
        self.updater.stop()

    def give(self, job: JobDocument | None) -> None:
        self.updater.on_notice(JobNotice(job=job))

    def ended(self, job: JobDocument, seconds: float = 180) -> str:
        """How the job ended, once that was reported."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            progress = self.updater.machine.progress
            known = progress is not None and progress.job.job_id == job.job_id
            if progress is not None and known and progress.final and progress.reported:
                return progress.state
            time.sleep(0.01)
        raise AssertionError(f"still {self.updater.machine.progress}")

    def _sample(self) -> None:
        draw = np.random.default_rng(1)
        while not self._stopping.wait(0.001):
            self.readings += 1
            values = tuple(draw.normal(size=len(FEATURES)).tolist())
            self.anomalies += self.scorer.observe(Reading(self.readings, 0, 0, values))

    def _report(self, payload: Payload) -> None:
        assert isinstance(payload, DeploymentJobUpdated)
        self.reports.append(payload)
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(f"{payload.model_dump_json()}\n")
                file.flush()
                os.fsync(file.fileno())


def main(folder: str, job: str, reports: str) -> None:
    """Do a job, from wherever the last run of this program came to."""
    document = JobDocument.model_validate_json(Path(job).read_text())
    with RealDevice(Path(folder), Path(reports)) as device:
        device.give(document)
        print(json.dumps({"state": device.ended(document)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
