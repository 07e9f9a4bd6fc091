"""A rollout is asked for on the page: who it reaches is shown, and what is asked is published."""

from __future__ import annotations

import pytest

from lineal.access.acts import acts_of
from lineal.runtime import Runtime
from lineal_catalog.models.reasons import ChangeId, reasons_of_changes
from lineal_schemas.deployments import DeploymentRequested
from lineal_schemas.envelope import decode
from lineal_schemas.models import ModelRolledBack
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import DeviceBirth
from tests.conformance.harness import events_on, publish
from tests.edge.update.graphs import graph
from tests.lineage.promotions import promoted_turbine, promotion_record
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token

MODEL = graph()
NEW = "/console/fleet/rollouts/new"


async def _publish(runtime: Runtime, payload: Payload) -> None:
    await publish(runtime, payload, actor="user:ann")


@pytest.fixture
async def fleet(runtime: Runtime) -> Runtime:
    """Twelve turbines, one device that measures something else, and a model in use."""
    await runtime.objects.put_large(MODEL)
    await runtime.committer.publish((), promotion_record(promoted_turbine(MODEL, 1)))
    for device, features, site in (
        *((f"t-{number:02}", ("rps", "voltage", "wind"), "bern") for number in range(1, 13)),
        ("pump-1", ("rps",), "bern"),
        ("t-77", ("rps", "voltage", "wind"), "paris"),
    ):
        birth = DeviceBirth(
            device=device, boot_id="0" * 32, session=1, monotonic_us=1, wall_us=1,
            agent_version="1", agent_digest="0" * 64, config_digest="0" * 64,
            features=features, attributes={"site": site},
        )  # fmt: skip
        await _publish(runtime, birth)
    return runtime


async def _asked(runtime: Runtime) -> list[DeploymentRequested]:
    events = await events_on(runtime, DeploymentRequested.type)
    return [data for event in events if isinstance(data := decode(event).data, DeploymentRequested)]


async def test_who_is_reached_is_shown_and_a_rollout_is_asked_for(fleet: Runtime) -> None:
    await fleet.bus.create_topic(DeploymentRequested.type)
    async with browser(fleet, await token(fleet, "ann", *acts_of("operator"))) as client:
        shown = await client.get(NEW, params={"model": "turbine", "where": "site=bern"})
        assert shown.status_code == 200
        assert "no key signs packages here" in shown.text
        assert "it measures no voltage" in shown.text
        assert "its site is paris" in shown.text
        assert 'placeholder="t-01, t-02"' in shown.text  # a tenth, where no ring is named

        form = {"model": "turbine", "version": "1", "where": "site=bern", "first": "t-0*",
                "may_fail": "25", "shadow": "10", "soak": "20"}  # fmt: skip
        done = await client.post(NEW, data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/console/fleet#rollouts")
        first, rest = (await _asked(fleet))[0].plan.rings
        assert first.devices == tuple(f"t-0{number}" for number in range(1, 10))
        assert rest.devices == ("t-10", "t-11", "t-12")
        assert (first.error_threshold, rest.error_threshold) == (0, 0.25)

        # all of them in the first ring, and none named
        await client.post(NEW, data=form | {"first": "*"})
        await client.post(NEW, data=form | {"first": ""})
        _, whole, tenth = await _asked(fleet)
        assert [len(ring.devices) for ring in whole.plan.rings] == [12]
        assert [len(ring.devices) for ring in tenth.plan.rings] == [2, 10]
        assert (tenth.plan.shadow_readings, tenth.plan.soak_readings) == (10, 20)
        assert tenth.by == "token:ann"


async def test_a_rollout_that_nobody_began_is_not_there(runtime: Runtime) -> None:
    async with browser(runtime, await token(runtime, "ann", *acts_of("reader"))) as client:
        answer = await client.get("/console/fleet/rollouts/zzz")
    assert (answer.status_code, "no rollout zzz was begun" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"version": "2"}, 409, "Another version is in use meanwhile"),
        ({"model": "gearbox"}, 409, "no version of gearbox is in use"),
        ({"where": "site=rome"}, 409, "it is for no device here"),
        ({"where": "rome"}, 400, "is no attribute with its value"),
        ({"first": "pump-1"}, 409, "it is not for pump-1: it measures no voltage"),
        ({"first": "x-*"}, 409, "no device is called x-*"),
        ({"may_fail": "101"}, 400, "is no whole number"),
        ({"shadow": "-1"}, 400, "is no whole number"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_asked(
    fleet: Runtime, changed: dict[str, str], status: int, said: str
) -> None:
    await fleet.bus.create_topic(DeploymentRequested.type)
    async with browser(fleet, await token(fleet, "ann", *acts_of("operator"))) as client:
        refused = await client.post(NEW, data={"model": "turbine", "version": "1"} | changed)
    assert refused.status_code == status
    assert said in refused.text
    assert await _asked(fleet) == []


async def test_reasons_of_changes_are_those_of_their_events(runtime: Runtime) -> None:
    assert await reasons_of_changes(runtime, "turbine") == {}
    one = promoted_turbine(MODEL, 1, "fewer false alarms")
    await _publish(runtime, one)
    await _publish(runtime, promoted_turbine(MODEL, 2))
    back = ModelRolledBack(
        name="turbine", model=one.model, withdrawn=promoted_turbine(MODEL, 2).model, by="ann",
        reason="it is worse", counter=3, artifact=one.artifact,
    )  # fmt: skip
    await _publish(runtime, back)
    assert await reasons_of_changes(runtime, "turbine") == {
        ChangeId(1, one.model.sha256): "fewer false alarms",
        ChangeId(3, one.model.sha256): "it is worse",
    }
    assert await reasons_of_changes(runtime, "gearbox") == {}
