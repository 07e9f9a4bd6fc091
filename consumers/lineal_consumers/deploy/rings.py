"""``RolloutRings``: which devices of a rollout have their jobs, ring after ring."""

from __future__ import annotations

from lineal_consumers.deploy.repository import RolloutRepository
from lineal_consumers.deploy.rollout import (
    BEFORE_ACTIVATION,
    JobRecord,
    RolloutRecord,
    job_prefix,
)
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentRingCompleted,
    DeploymentRingStarted,
    DeploymentStepDue,
    RolloutPlan,
)
from lineal_schemas.ids import job_id

STAGE = "stage:deploy"


class RolloutRings(RolloutRepository):
    """Begins rings, gives devices their jobs, counts those that have ended, and aborts."""

    async def _ended(self, rollout: RolloutRecord, job: JobRecord) -> None:
        """Count a job that has ended, and see what becomes of its ring."""
        ring = rollout.rings[job.ring].counted(job.state)
        rollout = rollout.with_ring(ring, job.ring)
        if rollout.over or job.ring != rollout.ring:
            await self._keep(rollout)
        elif ring.over_threshold:  # before anything else: also when it was the last one
            await self._abort(rollout, STAGE, "error_threshold")
        elif ring.all_ended:
            await self._ring_completed(rollout)
        else:
            await self._keep(rollout)

    async def _ring_completed(self, rollout: RolloutRecord) -> None:
        ring = rollout.rings[rollout.ring]
        self.events.append(
            DeploymentRingCompleted(
                rollout_id=rollout.rollout_id,
                ring=ring.name,
                index=rollout.ring,
                result=ring.result,
            )
        )
        if rollout.ring + 1 == len(rollout.rings):
            self.events.append(
                DeploymentCompleted(
                    rollout_id=rollout.rollout_id, model=rollout.model, result=rollout.result
                )
            )
            await self._keep(rollout.model_copy(update={"status": "completed"}))
            return
        rollout = rollout.model_copy(update={"ring": rollout.ring + 1})
        if rollout.status == "paused":
            await self._keep(rollout)
        else:
            await self._begin_ring(rollout, rollout.ring, await self._plan(rollout))

    async def _go_on(self, rollout: RolloutRecord) -> None:
        """After a pause: with the devices of the ring that have not had their jobs."""
        ring = rollout.rings[rollout.ring]
        plan = await self._plan(rollout)
        if ring.issued == 0:
            await self._begin_ring(rollout, rollout.ring, plan)
        else:
            await self._issue(rollout, plan)

    async def _begin_ring(self, rollout: RolloutRecord, index: int, plan: RolloutPlan) -> None:
        ring = plan.rings[index]
        self.events.append(
            DeploymentRingStarted(
                rollout_id=rollout.rollout_id, ring=ring.name, index=index, devices=ring.devices
            )
        )
        await self._issue(rollout, plan)

    async def _issue(self, rollout: RolloutRecord, plan: RolloutPlan) -> None:
        """Give the next devices of the ring their jobs, and the rest theirs a little later."""
        index = rollout.ring
        ring = rollout.rings[index]
        end = ring.issued + self._ctx.config.job_batch_size
        package = await self._package_of(rollout)
        for device in plan.rings[index].devices[ring.issued : end]:
            job = JobRecord(
                job_id=job_id(rollout.rollout_id, device),
                device=device,
                ring=index,
                deadline_us=self._deadline("QUEUED", rollout),
                updated_us=self._now,
            )
            await self._keep_job(job, rollout)
            self.events.append(self._issued(job, rollout, package))
        issued = min(end, ring.devices)
        rollout = rollout.with_ring(ring.model_copy(update={"issued": issued}), index)
        if issued < ring.devices:
            self._go_on_later(rollout)
        await self._keep(rollout)

    async def _abort(self, rollout: RolloutRecord, by: str, reason: str) -> None:
        """End a rollout: jobs whose model is not active yet are cancelled; what is active stays to
        end as it may, and is still counted."""
        self._ctx.timers.cancel(f"ring/{rollout.rollout_id}")
        rollout = await self._cancel(
            rollout.model_copy(update={"status": "aborted", "reason": reason})
        )
        ring = rollout.rings[rollout.ring]
        self.events.append(
            DeploymentAborted(
                rollout_id=rollout.rollout_id,
                by=by,
                reason=reason,
                ring=ring.name,
                result=ring.result,
            )
        )
        await self._keep(rollout)

    async def _cancel(self, rollout: RolloutRecord) -> RolloutRecord:
        """Cancel jobs of an aborted rollout, so many now and the rest a little later."""
        jobs = [
            job for _, job in await self._ctx.state.items(job_prefix(rollout.rollout_id), JobRecord)
        ]
        open_jobs = [job for job in jobs if job.state in BEFORE_ACTIVATION]
        if not open_jobs:
            return rollout
        package = await self._package_of(rollout)
        for job in open_jobs[: self._ctx.config.job_batch_size]:
            job = self._moved(job, rollout, "CANCELLED", rollout.reason)
            await self._keep_job(job, rollout)
            self.events.append(self._issued(job, rollout, package))
            ring = rollout.rings[job.ring].counted("CANCELLED")
            rollout = rollout.with_ring(ring, job.ring)
        if len(open_jobs) > self._ctx.config.job_batch_size:
            self._go_on_later(rollout)
        return rollout

    def _go_on_later(self, rollout: RolloutRecord) -> None:
        due = DeploymentStepDue(rollout_id=rollout.rollout_id, what="ring", ring=rollout.ring)
        self._ctx.timers.set(f"ring/{rollout.rollout_id}", self._now, due)
