"""``RolloutController``: one step of a rollout, from its state and an event to what follows."""

from __future__ import annotations

from lineal.errors import LinealError
from lineal_consumers.deploy.package import NoPackage
from lineal_consumers.deploy.rings import STAGE, RolloutRings
from lineal_consumers.deploy.rollout import (
    DEVICE_STATES,
    ModelRecord,
    RejectedRecord,
    RolloutRecord,
    job_prefix,
    numbers_key,
    open_job_key,
    rejected_key,
    rings_of,
    rollout_key,
    seconds_for,
)
from lineal_consumers.deploy.signing import package_for, trusted_root
from lineal_schemas.deployments import (
    DeploymentAborted,
    DeploymentControl,
    DeploymentJobTimedOut,
    DeploymentJobUpdated,
    DeploymentPaused,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentSignatureRequired,
    DeploymentSigned,
    DeploymentStarted,
    DeploymentStepDue,
    RolloutPlan,
    SignedPackage,
)
from lineal_schemas.ids import job_id
from lineal_scoring.release_root import NotSigned, ReleaseRoot


class NotInUse(LinealError):
    """A rollout was asked for of a model that the ledger does not know as the one in use."""


def _numbered(request: DeploymentRequested, before: ModelRecord | None) -> DeploymentRequested:
    """A release of the agent with the next number: devices take none that is lower."""
    number = 1 if before is None else before.counter + 1
    model = request.model.model_copy(update={"version": number})
    return request.model_copy(update={"model": model, "counter": number})


_MAX_KEPT = 5
"""Rollouts of a model whose jobs are kept, the newest included."""
_LATE_US = 5_000_000


class RolloutController(RolloutRings):
    """Applies one event to one rollout: a step of its state machine."""

    # What events ask for.

    async def handle_request(self, request: DeploymentRequested) -> None:
        """Begin a rollout. One of the same model that still runs is superseded by it."""
        ctx = self._ctx
        if await self._rollout(request.rollout_id) is not None:
            ctx.skip("the rollout was begun already")
            return
        before = await ctx.state.get(numbers_key(request.kind, request.model.name), ModelRecord)
        if request.kind == "agent":
            # code that runs on every device: an owner's act, and no promotion stands behind it
            await ctx.require("sign")
            request = _numbered(request, before)
        else:
            await ctx.require("deploy")
            await self._check_in_use(request)
        ctx.record_kind = "deploy"
        ctx.annotate(**{request.kind: f"{request.model.name} {request.model.version}"})
        root = await trusted_root(ctx)
        epoch = 0 if root is None else root.epoch
        if before is not None and (epoch, request.counter) < (before.epoch, before.counter):
            await self._reject(
                request, f"a rollout with the later counter {before.counter} was begun"
            )
            return
        try:
            rings = rings_of(request.plan)
            package = await package_for(ctx, request, root)
        except (NoPackage, ValueError) as error:
            await self._reject(request, str(error))
            return
        await self._supersede(request, before, epoch)
        rollout = RolloutRecord(
            rollout_id=request.rollout_id,
            status="unsigned",
            kind=request.kind,
            model=request.model,
            agent_version=request.agent_version,
            counter=request.counter,
            epoch=epoch,
            artifact=request.artifact,
            plan=await self._put(request.plan, "plan"),
            package=await self._put(package, "package"),
            timeouts=request.plan.timeouts,
            shadow_readings=request.plan.shadow_readings,
            soak_readings=request.plan.soak_readings,
            rings=rings,
            by=request.by,
            started_us=self._now,
            updated_us=self._now,
        )
        await self._begin(rollout, package, request.plan, root)

    async def _begin(
        self,
        rollout: RolloutRecord,
        package: SignedPackage,
        plan: RolloutPlan,
        root: ReleaseRoot | None,
    ) -> None:
        """Begin a rollout if enough keys have signed its package, else say that it waits."""
        if root is not None and len(root.signers(package)) < root.threshold:
            await self._keep(rollout)
            self.events.append(
                DeploymentSignatureRequired(
                    rollout_id=rollout.rollout_id,
                    model=rollout.model,
                    package=package,
                    threshold=root.threshold,
                )
            )
            return
        self.events.append(
            DeploymentStarted(
                rollout_id=rollout.rollout_id,
                model=rollout.model,
                package=package,
                artifact=rollout.artifact,
                plan=plan,
                by=rollout.by,
                kind=rollout.kind,
            )
        )
        await self._begin_ring(rollout.model_copy(update={"status": "running"}), 0, plan)

    async def handle_signature(self, signed: DeploymentSigned) -> None:
        """Add a signature to a package that waits for it; what is none is passed over."""
        rollout = await self._rollout(signed.rollout_id)
        self._ctx.annotate(key=signed.signature.key_id)
        if rollout is None or rollout.status != "unsigned":
            self._ctx.skip("the rollout waits for no signature")
            return
        await self._ctx.require("sign")
        root = await trusted_root(self._ctx)
        before = await self._package_of(rollout)
        package = before.model_copy(update={"signatures": (*before.signatures, signed.signature)})
        try:
            added = root is None or root.signers(package) - root.signers(before)
        except NotSigned as error:
            self._ctx.skip(f"the signature is not used: {error.reason}")
            return
        if not added:
            self._ctx.skip("the key may sign no packages, or has signed this one")
            return
        rollout = rollout.model_copy(update={"package": await self._put(package, "package")})
        await self._begin(rollout, package, await self._plan(rollout), root)

    async def _check_in_use(self, request: DeploymentRequested) -> None:
        """Ask the ledger whether the model was put into use, whatever the event says of it.

        Raises:
            NotInUse: it was not, or not under this number. Behind a broker the ledger may lag by
                moments: the event is tried again.
        """
        in_use = await self._ctx.artifact(request.model.name)
        if in_use is None or in_use.sha256 != request.model.sha256:
            raise NotInUse(
                f"no promotion in the ledger has put this model into use as {request.model.name}"
            )
        if request.counter > in_use.counter:
            raise NotInUse(
                f"the promotion of this model has the number {in_use.counter} in the ledger, "
                f"not {request.counter}"
            )

    async def handle_control(self, control: DeploymentControl) -> None:
        """Pause, resume or abort; what changes nothing is passed over."""
        rollout = await self._rollout(control.rollout_id)
        self._ctx.annotate(action=control.action)
        if rollout is None or rollout.over:
            self._ctx.skip("the rollout is over, or was never begun")
            return
        await self._ctx.require("deploy")
        common = {"rollout_id": rollout.rollout_id, "by": control.by}
        if control.action == "abort":
            await self._abort(rollout, control.by, control.reason or "by hand")
        elif control.action == "pause" and rollout.status == "running":
            self.events.append(DeploymentPaused(reason=control.reason, **common))
            await self._keep(rollout.model_copy(update={"status": "paused"}))
        elif control.action == "resume" and rollout.status == "paused":
            self.events.append(DeploymentResumed(**common))
            await self._go_on(rollout.model_copy(update={"status": "running"}))

    async def handle_update(self, update: DeploymentJobUpdated) -> None:
        """A device's report: accepted if it was made from the state the job has."""
        ctx = self._ctx
        ctx.annotate(device=update.device, state=update.state)
        rollout = await self._rollout(update.rollout_id)
        job = await self._job(update.rollout_id, update.device)
        if rollout is None or job is None or job.job_id != update.job_id:
            self._reply(update, None, "unknown_job")
            return
        if update.state in ("SUCCEEDED", "ROLLED_BACK") or job.final:
            ctx.objects.add_input(rollout.artifact, rollout.kind)
        if update.state == "SUCCEEDED":
            ctx.record_kind = "activate"
        elif update.state == "ROLLED_BACK":
            ctx.record_kind = "rollback"
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
            self._ctx.skip("the rollout is not kept any more")
        elif due.what == "ring":
            if rollout.status == "aborted":
                await self._keep(await self._cancel(rollout))
            elif rollout.status == "running" and due.ring == rollout.ring:
                await self._issue(rollout, await self._plan(rollout))
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
        if job.state == "QUEUED" and await self._is_behind_another(job):
            # It has not been given to the device yet: its time begins when the one before ends.
            self._ctx.annotate(device=device, waits="behind another job")
            waiting = {"deadline_us": self._deadline("QUEUED", rollout), "updated_us": self._now}
            await self._keep_job(job.model_copy(update=waiting), rollout)
            return
        self._ctx.annotate(device=device, state="TIMED_OUT")
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

    async def _supersede(
        self, request: DeploymentRequested, before: ModelRecord | None, epoch: int
    ) -> None:
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
                        by=STAGE,
                        reason=f"superseded by {request.rollout_id}",
                        requested_us=self._now,
                    )
                )
        rollouts = (*rollouts, request.rollout_id)
        for old in rollouts[:-_MAX_KEPT]:
            await self._forget(old)
        record = ModelRecord(counter=request.counter, rollouts=rollouts[-_MAX_KEPT:], epoch=epoch)
        await self._ctx.state.put(numbers_key(request.kind, request.model.name), record)

    async def _forget(self, rollout_id: str) -> None:
        for key, _ in await self._ctx.state.items(job_prefix(rollout_id), bytes):
            await self._ctx.state.delete(key)
            device = key.removeprefix(job_prefix(rollout_id))
            await self._ctx.state.delete(open_job_key(device, job_id(rollout_id, device)))
        await self._ctx.state.delete(rollout_key(rollout_id))

    async def _reject(self, request: DeploymentRequested, reason: str) -> None:
        self._ctx.annotate(refused="yes")
        rejected = RejectedRecord(
            rollout_id=request.rollout_id,
            model=request.model,
            by=request.by,
            reason=reason,
            requested_us=request.requested_us,
        )
        await self._ctx.state.put(rejected_key(request.model.name), rejected)
        self.events.append(
            DeploymentAborted(rollout_id=request.rollout_id, by=STAGE, reason=reason)
        )
