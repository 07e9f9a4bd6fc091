"""One step of a rollout: reads what is kept of it, collects what follows."""

from __future__ import annotations

from lineal.stages import Context
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.package import NoPackage, Order, build_package
from lineal_consumers.deploy.rollout import (
    BEFORE_ACTIVATION,
    DEVICE_STATES,
    JobRecord,
    ModelRecord,
    RolloutRecord,
    job_key,
    job_prefix,
    model_key,
    rings_of,
    rollout_key,
    seconds_for,
)
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentControl,
    DeploymentJobIssued,
    DeploymentJobReplied,
    DeploymentJobTimedOut,
    DeploymentJobUpdated,
    DeploymentPaused,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentRingCompleted,
    DeploymentRingStarted,
    DeploymentStarted,
    DeploymentStepDue,
    JobDocument,
    JobReply,
    JobState,
    SignedPackage,
)
from lineal_schemas.ids import job_id
from lineal_schemas.payload import Payload, payload_bytes

_STAGE = "stage:deploy"
_MOST_KEPT = 5
"""Rollouts of a model whose jobs are kept, the newest included."""
_LATE_US = 5_000_000
_PACKAGE_SECONDS = 120.0
_DAY_US = 86_400_000_000


class Conductor:
    """Conducts one event's step of one rollout.

    Args:
        now: wall clock in microseconds since the Unix epoch.
    """

    def __init__(self, ctx: Context[DeployConfig], now: int) -> None:
        self._ctx = ctx
        self._now = now
        self.events: list[Payload] = []
        """What follows, in order."""

    # What events ask for.

    async def requested(self, request: DeploymentRequested) -> None:
        """Begin a rollout. One of the same model that still runs is superseded by it."""
        ctx = self._ctx
        if await self._rollout(request.rollout_id) is not None:
            ctx.note(status="duplicate")
            return
        ctx.record_as("deploy")
        ctx.note(model=f"{request.model.name} {request.model.version}")
        known = await ctx.state.get(model_key(request.model.name))
        before = None if known is None else ModelRecord.model_validate_json(known)
        if before is not None and request.counter < before.counter:
            self._refuse(request, f"a rollout with the later counter {before.counter} was begun")
            return
        try:
            rings = rings_of(request.plan)
            package = await self._package(request)
        except (NoPackage, ValueError) as error:
            self._refuse(request, str(error))
            return
        await self._supersede(request, before)
        started = DeploymentStarted(
            rollout_id=request.rollout_id,
            model=request.model,
            package=package,
            artifact=request.artifact,
            plan=request.plan,
            by=request.by,
        )
        self.events.append(started)
        rollout = RolloutRecord(
            rollout_id=request.rollout_id,
            status="running",
            model=request.model,
            counter=request.counter,
            artifact=request.artifact,
            started=await ctx.objects.put(payload_bytes(started), "application/json", "rollout"),
            timeouts=request.plan.timeouts,
            rings=rings,
            by=request.by,
            started_us=self._now,
            updated_us=self._now,
        )
        await self._begin_ring(rollout, 0, started)

    async def controlled(self, control: DeploymentControl) -> None:
        """Pause, resume or abort; what changes nothing is passed over."""
        rollout = await self._rollout(control.rollout_id)
        self._ctx.note(action=control.action)
        if rollout is None or rollout.over:
            self._ctx.note(status="duplicate")
            return
        common = {"rollout_id": rollout.rollout_id, "by": control.by}
        if control.action == "abort":
            await self._abort(rollout, control.by, control.reason or "by hand")
        elif control.action == "pause" and rollout.status == "running":
            self.events.append(DeploymentPaused(reason=control.reason, **common))
            await self._keep(rollout.model_copy(update={"status": "paused"}))
        elif control.action == "resume" and rollout.status == "paused":
            self.events.append(DeploymentResumed(**common))
            await self._go_on(rollout.model_copy(update={"status": "running"}))

    async def updated(self, update: DeploymentJobUpdated) -> None:
        """A device's report: accepted if it was made from the state the job has."""
        ctx = self._ctx
        ctx.note(device=update.device, state=update.state)
        rollout = await self._rollout(update.rollout_id)
        job = await self._job(update.rollout_id, update.device)
        if rollout is None or job is None or job.job_id != update.job_id:
            self._reply(update, None, "unknown_job")
            return
        if update.state in ("SUCCEEDED", "ROLLED_BACK") or job.final:
            ctx.objects.mention(rollout.artifact, "model")
        if update.state == "SUCCEEDED":
            ctx.record_as("activate")
        elif update.state == "ROLLED_BACK":
            ctx.record_as("rollback")
        if job.state == update.state:
            self._reply(update, job)  # said twice
            return
        if job.final:
            self._reply(update, job, "finished")
            return
        if update.state not in DEVICE_STATES:
            self._reply(update, job, "not_a_devices_state")
            return
        if update.expected_version != job.version:
            self._reply(update, job, "version_mismatch")
            return
        job = self._moved(job, rollout, update.state, update.reason)
        await self._keep_job(job, rollout)
        self._reply(update, job)
        if job.final:
            await self._clear_notice(job, rollout)
            await self._ended(rollout, job)

    async def due(self, due: DeploymentStepDue) -> None:
        """A timer of the rollout."""
        rollout = await self._rollout(due.rollout_id)
        if rollout is None:
            self._ctx.note(status="duplicate")
        elif due.what == "ring":
            if rollout.status == "running" and due.ring == rollout.ring:
                await self._issue(rollout, await self._started(rollout))
        elif due.device is not None:
            await self._look_at_deadline(rollout, due.device)

    async def _look_at_deadline(self, rollout: RolloutRecord, device: str) -> None:
        job = await self._job(rollout.rollout_id, device)
        if job is None or job.final:
            return
        if self._now < job.deadline_us:
            self._set_deadline(job, rollout)
            return
        if self._now - job.deadline_us > _LATE_US and not job.extended:
            # Nobody was there when it passed. Reports that came in time may still be on the bus.
            extension = round(self._ctx.config.grace_seconds * 1e6)
            update = {"extended": True, "deadline_us": self._now + extension}
            await self._keep_job(job.model_copy(update=update), rollout)
            return
        self._ctx.note(device=device, state="TIMED_OUT")
        self.events.append(
            DeploymentJobTimedOut(
                rollout_id=rollout.rollout_id,
                job_id=job.job_id,
                device=device,
                step=job.state,
                seconds=seconds_for(job.state, rollout.timeouts),
            )
        )
        job = self._moved(job, rollout, "TIMED_OUT", f"silent after {job.state}")
        await self._keep_job(job, rollout)
        await self._clear_notice(job, rollout)
        await self._ended(rollout, job)

    # What follows.

    async def _ended(self, rollout: RolloutRecord, job: JobRecord) -> None:
        """Count a job that has ended, and see what becomes of its ring."""
        ring = rollout.rings[job.ring].counted(job.state)
        rollout = rollout.with_ring(ring, job.ring)
        if rollout.over or job.ring != rollout.ring:
            await self._keep(rollout)
        elif ring.over_threshold:  # before anything else: also when it was the last one
            await self._abort(rollout, _STAGE, "error_threshold")
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
            await self._begin_ring(rollout, rollout.ring, await self._started(rollout))

    async def _go_on(self, rollout: RolloutRecord) -> None:
        """After a pause: with the devices of the ring that have not had their jobs."""
        ring = rollout.rings[rollout.ring]
        started = await self._started(rollout)
        if ring.issued == 0:
            await self._begin_ring(rollout, rollout.ring, started)
        else:
            await self._issue(rollout, started)

    async def _begin_ring(
        self, rollout: RolloutRecord, index: int, started: DeploymentStarted
    ) -> None:
        ring = started.plan.rings[index]
        self.events.append(
            DeploymentRingStarted(
                rollout_id=rollout.rollout_id, ring=ring.name, index=index, devices=ring.devices
            )
        )
        await self._issue(rollout, started)

    async def _issue(self, rollout: RolloutRecord, started: DeploymentStarted) -> None:
        """Give the next devices of the ring their jobs, and the rest theirs a little later."""
        index = rollout.ring
        ring, plan = rollout.rings[index], started.plan
        end = ring.issued + self._ctx.config.jobs_at_once
        for device in plan.rings[index].devices[ring.issued : end]:
            job = JobRecord(
                job_id=job_id(rollout.rollout_id, device),
                device=device,
                ring=index,
                deadline_us=self._deadline("QUEUED", rollout),
                updated_us=self._now,
            )
            await self._keep_job(job, rollout)
            self.events.append(self._issued(job, rollout, started))
        issued = min(end, ring.devices)
        rollout = rollout.with_ring(ring.model_copy(update={"issued": issued}), index)
        if issued < ring.devices:
            due = DeploymentStepDue(rollout_id=rollout.rollout_id, what="ring", ring=index)
            self._ctx.timers.set(f"ring/{rollout.rollout_id}", self._now, due)
        await self._keep(rollout)

    async def _abort(self, rollout: RolloutRecord, by: str, reason: str) -> None:
        """End a rollout: jobs whose model is not active yet are cancelled; what is active stays to
        end as it may, and is still counted."""
        started: DeploymentStarted | None = None
        for _, value in await self._ctx.state.items(job_prefix(rollout.rollout_id)):
            job = JobRecord.model_validate_json(value)
            if job.state not in BEFORE_ACTIVATION:
                continue
            started = started or await self._started(rollout)
            job = self._moved(job, rollout, "CANCELLED", reason)
            await self._keep_job(job, rollout)
            self.events.append(self._issued(job, rollout, started))
            ring = rollout.rings[job.ring].counted("CANCELLED")
            rollout = rollout.with_ring(ring, job.ring)
        self._ctx.timers.cancel(f"ring/{rollout.rollout_id}")
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
        await self._keep(rollout.model_copy(update={"status": "aborted", "reason": reason}))

    async def _supersede(self, request: DeploymentRequested, before: ModelRecord | None) -> None:
        """End the rollout of an earlier version, so that it never holds up a later one, and forget
        the jobs of those long past."""
        rollouts = () if before is None else before.rollouts
        if rollouts:
            last = await self._rollout(rollouts[-1])
            if last is not None and not last.over:
                self.events.append(
                    DeploymentControl(
                        rollout_id=last.rollout_id,
                        action="abort",
                        by=_STAGE,
                        reason=f"superseded by {request.rollout_id}",
                        requested_us=self._now,
                    )
                )
        rollouts = (*rollouts, request.rollout_id)
        for old in rollouts[:-_MOST_KEPT]:
            await self._forget(old)
        record = ModelRecord(counter=request.counter, rollouts=rollouts[-_MOST_KEPT:])
        await self._ctx.state.put(model_key(request.model.name), record.to_bytes())

    async def _forget(self, rollout_id: str) -> None:
        for key, _ in await self._ctx.state.items(job_prefix(rollout_id)):
            await self._ctx.state.put(key, None)
        await self._ctx.state.put(rollout_key(rollout_id), None)

    def _refuse(self, request: DeploymentRequested, reason: str) -> None:
        self._ctx.note(refused="yes")
        self.events.append(
            DeploymentAborted(rollout_id=request.rollout_id, by=_STAGE, reason=reason)
        )

    async def _package(self, request: DeploymentRequested) -> SignedPackage:
        if request.artifact.sha256 != request.model.sha256:
            raise NoPackage("the artifact is not the model that is to be rolled out")
        config = self._ctx.config
        order = Order(
            model=request.model,
            counter=request.counter,
            created_us=self._now,
            expires_us=self._now + round(config.package_days * _DAY_US),
            tolerance=config.tolerance,
            golden_windows=config.golden_windows,
            key_file=None if config.key_file is None else str(config.key_file),
        )
        file = await self._ctx.objects.path(request.artifact, "model")
        made = await self._ctx.run(build_package, file, order, seconds=_PACKAGE_SECONDS)
        return SignedPackage.model_validate_json(made)

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
        self, job: JobRecord, rollout: RolloutRecord, started: DeploymentStarted
    ) -> DeploymentJobIssued:
        document = JobDocument(
            job_id=job.job_id,
            rollout_id=rollout.rollout_id,
            device=job.device,
            version=job.version,
            state=job.state,
            package=started.package,
            url=f"{self._ctx.config.url.rstrip('/')}/{rollout.model.sha256}",
            timeouts=rollout.timeouts,
            shadow_readings=started.plan.shadow_readings,
            soak_readings=started.plan.soak_readings,
            issued_us=self._now,
        )
        return DeploymentJobIssued(rollout_id=rollout.rollout_id, device=job.device, job=document)

    async def _clear_notice(self, job: JobRecord, rollout: RolloutRecord) -> None:
        """A job in a final state, so that the device is not told of it for ever."""
        self.events.append(self._issued(job, rollout, await self._started(rollout)))

    def _reply(
        self, update: DeploymentJobUpdated, job: JobRecord | None, reason: str | None = None
    ) -> None:
        if reason is not None:
            self._ctx.note(not_accepted=reason)
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
        await self._ctx.state.put(job_key(rollout.rollout_id, job.device), job.to_bytes())
        if job.final:
            self._ctx.timers.cancel(f"job/{job.job_id}")
        else:
            self._set_deadline(job, rollout)

    def _set_deadline(self, job: JobRecord, rollout: RolloutRecord) -> None:
        due = DeploymentStepDue(
            rollout_id=rollout.rollout_id, what="job", device=job.device, job_version=job.version
        )
        self._ctx.timers.set(f"job/{job.job_id}", job.deadline_us, due)

    # What is kept.

    async def _rollout(self, rollout_id: str) -> RolloutRecord | None:
        value = await self._ctx.state.get(rollout_key(rollout_id))
        return None if value is None else RolloutRecord.model_validate_json(value)

    async def _job(self, rollout_id: str, device: str) -> JobRecord | None:
        value = await self._ctx.state.get(job_key(rollout_id, device))
        return None if value is None else JobRecord.model_validate_json(value)

    async def _started(self, rollout: RolloutRecord) -> DeploymentStarted:
        data = await self._ctx.objects.get(rollout.started, "rollout")
        return DeploymentStarted.model_validate_json(data)

    async def _keep(self, rollout: RolloutRecord) -> None:
        kept = rollout.model_copy(update={"updated_us": self._now})
        await self._ctx.state.put(rollout_key(rollout.rollout_id), kept.to_bytes())
