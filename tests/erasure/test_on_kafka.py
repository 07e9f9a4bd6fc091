"""On a broker nobody looks through topics: a subject is followed by what records say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal.access.credential import owner_credential
from lineal.erasure.erase import erase, plan_erasure
from lineal_consumers.photos.stage import arrive as photo_arrive
from lineal_consumers.photos.stage import score as photo_score
from lineal_consumers.register.stage import register
from lineal_local.kafka import Kafka
from tests.conformance.harness import records, running, until_settled
from tests.conformance.kafka import KafkaBusUnderTest, kafka_bus
from tests.erasure.test_derived import arrive_photo


@pytest.fixture
def bus(kafka: Kafka, tmp_path: Path) -> Iterator[KafkaBusUnderTest]:
    yield from kafka_bus(tmp_path, kafka)


async def test_a_photo_that_nobody_has_scored_goes_with_the_document(
    bus: KafkaBusUnderTest,
) -> None:
    async with bus.open() as runtime:
        document_id = await arrive_photo(runtime, b"pixels", "a piece")
        for stage in (register, photo_arrive):
            async with running(runtime, stage):
                await until_settled(runtime, stage.name)
        document, photo = f"document:{document_id}", f"photo:{document_id}"
        assert await records(runtime, photo) == [], "no step is about the photo yet"
        plan = await plan_erasure(runtime, [document])
        assert set(plan.references.subjects) == {document, photo}
        await erase(runtime, plan, "asked for", by=owner_credential())
        async with running(runtime, photo_score):
            await until_settled(runtime, photo_score.name)
        *_, late = await records(runtime, photo)
        assert (late.outcome, late.reason) == ("skipped", "the event was erased")
