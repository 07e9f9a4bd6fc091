"""What a real iteration leaves behind, in the formats of other tools."""

from __future__ import annotations

from lineal.lineage.exports.openlineage import run_events
from lineal.lineage.graph import lineage_graph
from lineal.lineage.ledger import all_steps
from lineal_catalog.models.attestation import training_statements
from tests.cli.test_attestations import assert_valid as assert_valid_statement
from tests.consumers.retrain.flywheel import turning
from tests.lineage.exports.test_openlineage import assert_valid as assert_valid_events
from tests.lineage.exports.test_prov import GENERATION_BEFORE_USAGE, broken, graph_of


async def test_a_trained_model_is_attested_with_what_it_was_made_of() -> None:
    async with turning() as flywheel:
        await flywheel.collect(4000)
        made = await flywheel.spin()
        store = flywheel.harness.runtime.store
        steps = await store.read(lambda connection: list(all_steps(connection)))
        (statement,) = await store.read(lambda c: training_statements(c, steps))
    (trained,) = made["trained"]
    provenance = assert_valid_statement(statement)
    (subject,) = statement["subject"]
    assert subject == {"name": "turbine:1", "digest": {"sha256": trained.artifact.sha256}}
    needed = [
        (item.name, item.digest["sha256"])
        for item in provenance.build_definition.resolved_dependencies
    ]
    assert ("training code", trained.provenance.code_sha256) in needed
    assert ("lock file", trained.provenance.lockfile_sha256) in needed
    assert [digest for name, digest in needed if name == "dataset"] == [trained.manifest.sha256]
    assert {name for name, _ in needed} >= {"data"}
    assert_valid_events(run_events(lineage_graph(steps)))
    # The clock of the harness stands still while steps work: all of them begin at once.
    assert set(broken(graph_of(steps))) <= {GENERATION_BEFORE_USAGE}
