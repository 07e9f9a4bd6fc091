"""``RolloutRepository``: reads and writes the state of rollouts and jobs, and their timers."""

from __future__ import annotations

from lineal import Context
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.rollout import (
    JobRecord,
    OpenJobRecord,
    RolloutRecord,
    job_key,
    open_job_key,
    open_jobs_prefix,
    rollout_key,
    seconds_for,
)
from lineal_schemas.deployments import (
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobUpdated,
    DeploymentStepDue,
    JobDocument,
    JobReply,
    JobState,
    RolloutPlan,
    SignedPackage,
)
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload


class RolloutRepository:
    """One event's view of the rollouts."""

    def __init__(self, ctx: Context[DeployConfig]) -> None:
        self._ctx = ctx
        self._now = ctx.now()
        self.events: list[Payload] = []
        """What follows, in order."""

    # Jobs.

    def _moved(
        self, job: JobRecord, rollout: RolloutRecord, state: JobState, reason: str | None
    ) -> JobRecord:
        return job.model_copy(
            update={
                "state": state,
                "version": job.version + 1,
                "reason": reason,
                "deadline_us": self._deadline(state, rollout),
                "extended": False,
                "updated_us": self._now,
            }
        )

    def _deadline(self, state: JobState, rollout: RolloutRecord) -> int:
        seconds = seconds_for(state, rollout.timeouts) + self._ctx.config.grace_seconds
        return self._now + round(seconds * 1e6)

    def _issued(
        self, job: JobRecord, rollout: RolloutRecord, package: SignedPackage
    ) -> DeploymentJobIssued:
        document = JobDocument(
            job_id=job.job_id,
            rollout_id=rollout.rollout_id,
            device=job.device,
            version=job.version,
            state=job.state,
            kind=rollout.kind,
            package=package,
            url=f"{self._ctx.config.url.rstrip('/')}/{rollout.model.sha256}",
            timeouts=rollout.timeouts,
            shadow_readings=rollout.shadow_readings,
            soak_readings=rollout.soak_readings,
            issued_us=self._now,
        )
        return DeploymentJobIssued(rollout_id=rollout.rollout_id, device=job.device, job=document)

    async def _clear_notice(self, job: JobRecord, rollout: RolloutRecord) -> None:
        """A job in a final state, so that it is cleared from the device's notify topic."""
        self.events.append(self._issued(job, rollout, await self._package_of(rollout)))

    def _reply(
        self, update: DeploymentJobUpdated, job: JobRecord | None, reason: str | None = None
    ) -> None:
        if reason is not None:
            self._ctx.annotate(not_accepted=reason)
        self.events.append(
            DeploymentJobReplied(
                rollout_id=update.rollout_id,
                device=update.device,
                reply=JobReply(
                    job_id=update.job_id,
                    accepted=reason is None,
                    version=0 if job is None else job.version,
                    state="CANCELLED" if job is None else job.state,
                    reason=reason,
                ),
            )
        )

    async def _keep_job(self, job: JobRecord, rollout: RolloutRecord) -> None:
        await self._ctx.state.put(job_key(rollout.rollout_id, job.device), job)
        open_key = open_job_key(job.device, job.job_id)
        if job.final:
            self._ctx.timers.cancel(f"job/{job.job_id}")
            await self._ctx.state.delete(open_key)
        else:
            self._set_deadline(job, rollout)
            if await self._ctx.state.get(open_key, OpenJobRecord) is None:
                before = await self._ctx.state.items(open_jobs_prefix(job.device), OpenJobRecord)
                number = 1 + max((other.number for _, other in before), default=0)
                await self._ctx.state.put(open_key, OpenJobRecord(number=number))

    async def _is_behind_another(self, job: JobRecord) -> bool:
        """Whether the device has still to end a job that was issued before this one."""
        prefix = open_jobs_prefix(job.device)
        open_jobs = dict(await self._ctx.state.items(prefix, OpenJobRecord))
        own = open_jobs.pop(f"{prefix}{job.job_id}", None)
        return own is not None and any(other.number < own.number for other in open_jobs.values())

    def _set_deadline(self, job: JobRecord, rollout: RolloutRecord) -> None:
        due = DeploymentStepDue(
            rollout_id=rollout.rollout_id, what="job", device=job.device, job_version=job.version
        )
        self._ctx.timers.set(f"job/{job.job_id}", job.deadline_us, due)

    # What is kept.

    async def _rollout(self, rollout_id: str) -> RolloutRecord | None:
        return await self._ctx.state.get(rollout_key(rollout_id), RolloutRecord)

    async def _job(self, rollout_id: str, device: str) -> JobRecord | None:
        return await self._ctx.state.get(job_key(rollout_id, device), JobRecord)

    async def _plan(self, rollout: RolloutRecord) -> RolloutPlan:
        data = await self._ctx.objects.get(rollout.plan, "plan")
        return RolloutPlan.model_validate_json(data)

    async def _package_of(self, rollout: RolloutRecord) -> SignedPackage:
        data = await self._ctx.objects.get(rollout.package, "package")
        return SignedPackage.model_validate_json(data)

    async def _put(self, item: RolloutPlan | SignedPackage, role: str) -> ObjectRef:
        data = item.model_dump_json().encode()
        return await self._ctx.objects.put(data, "application/json", role)

    async def _keep(self, rollout: RolloutRecord) -> None:
        kept = rollout.model_copy(update={"updated_us": self._now})
        await self._ctx.state.put(rollout_key(rollout.rollout_id), kept)
