"""A device does one job at a time: whose turn it is, the notice says."""

from __future__ import annotations

from typing import Any, Literal

from lineal_edge.releases.updater import JobRouter
from lineal_schemas.deployments import JobDocument, JobNotice, SignedPackage


class Notices:
    """Takes notices; a double of an updater."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    def on_notice(self, notice: JobNotice) -> None:
        self.seen.append(None if notice.job is None else notice.job.job_id)


def notice(name: str, kind: Literal["model", "agent"], waiting: int | None) -> JobNotice:
    job = JobDocument(
        job_id=name, rollout_id="r", device="pump-1", version=1, kind=kind, issued_us=1,
        package=SignedPackage(manifest="{}", key_id="k", signature="s"), url="http://localhost/m",
    )  # fmt: skip
    return JobNotice(job=job, waiting=waiting)


def routed(*notices: JobNotice) -> tuple[list[str | None], list[str | None]]:
    model, agent = Notices(), Notices()
    given: Any = (model, agent)
    router = JobRouter(*given)
    for each in notices:
        router.on_notice(each)
    return model.seen, agent.seen


def test_with_the_turn_of_another_kind_a_job_is_over() -> None:
    seen = routed(notice("m", "model", 1), notice("a", "agent", 0), JobNotice(waiting=0))
    assert seen == (["m", None], [None, "a", None])


def test_a_former_server_keeps_the_newest_job_alone_and_ends_no_other_by_it() -> None:
    assert routed(notice("m", "model", None), notice("a", "agent", None)) == (["m"], ["a"])
