"""A cluster that allows only what is granted: what docs/operating.md lists is enough, and what is
missing is said at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from lineal.errors import BusUnavailable
from lineal.kafka_client.connection import Cluster, Connection
from lineal.kafka_client.wire import Api
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_local.kafka import Kafka
from tests.bus.kafka.test_security import assert_works, scram_settings
from tests.conformance.harness import publish
from tests.conformance.workload import Task
from tests.services.kafka import QUICK_START

_text = String("utf-8")
CREATE_ACLS = Api(
    "CreateAcls", 30, 1,
    Schema(("creations", Array(
        ("resource_type", Int8), ("resource", _text), ("pattern", Int8), ("principal", _text),
        ("host", _text), ("operation", Int8), ("permission", Int8),
    ))),
    Schema(
        ("throttle_time_ms", Int32), ("results", Array(("code", Int16), ("message", _text))),
    ),
)  # fmt: skip
DESCRIBE_ACLS = Api(
    "DescribeAcls", 29, 1,
    Schema(
        ("resource_type", Int8), ("resource", _text), ("pattern", Int8), ("principal", _text),
        ("host", _text), ("operation", Int8), ("permission", Int8),
    ),
    Schema(
        ("throttle_time_ms", Int32), ("code", Int16), ("message", _text),
        ("resources", Array(
            ("resource_type", Int8), ("resource", _text), ("pattern", Int8), ("acls", Array(
                ("principal", _text), ("host", _text), ("operation", Int8), ("permission", Int8),
            )),
        )),
    ),
)  # fmt: skip
ANY = 1
TOPICS, GROUPS, TRANSACTIONAL_IDS = 2, 3, 5
READ, WRITE, CREATE, DESCRIBE = 3, 4, 5, 8
PREFIXED, ALLOWED = 4, 3

GRANTS = {
    "topic": [(TOPICS, READ), (TOPICS, WRITE), (TOPICS, CREATE), (TOPICS, DESCRIBE)],
    "group": [(GROUPS, READ)],
    "transaction": [(TRANSACTIONAL_IDS, WRITE), (TRANSACTIONAL_IDS, DESCRIBE)],
}
"""As docs/operating.md lists them."""


@pytest.fixture(scope="module")
def strict_kafka() -> Iterator[Kafka]:
    overrides = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with Kafka(overrides=overrides, jvm=QUICK_START) as kafka:
        yield kafka


async def grant(kafka: Kafka, settings: Settings, *names: str) -> None:
    """As the administrator, who comes by the other listener."""
    connection = Connection(Cluster((kafka.bootstrap,), "administrator", {}))
    await connection.open()
    user, prefix = f"User:{kafka.secure.username}", settings.kafka.prefix
    rules = [
        (resource, prefix, PREFIXED, user, "*", operation, ALLOWED)
        for name in names
        for resource, operation in GRANTS[name]
    ]
    answer = await connection.send_to_any(CREATE_ACLS(rules))
    while await _rules_in_force(connection, user, prefix) < len(rules):
        await asyncio.sleep(0.02)
    await connection.close()
    assert {code for code, _ in answer[1]} == {0}


async def _rules_in_force(connection: Connection, user: str, prefix: str | None) -> int:
    """How many the broker goes by: it answers from its authorizer."""
    asked = DESCRIBE_ACLS(ANY, prefix, PREFIXED, user, None, ANY, ANY)
    _, code, _, resources = await connection.send_to_any(asked)
    assert code == 0
    return sum(len(acls) for _, _, _, acls in resources)


async def test_what_the_documentation_lists_is_enough(strict_kafka: Kafka, tmp_path: Path) -> None:
    settings = scram_settings(tmp_path, strict_kafka)
    await grant(strict_kafka, settings, *GRANTS)
    await assert_works(settings, tmp_path)


@pytest.mark.parametrize("missing", GRANTS)
async def test_what_is_not_allowed_is_said_at_once(
    strict_kafka: Kafka, tmp_path: Path, missing: str
) -> None:
    settings = scram_settings(tmp_path, strict_kafka)
    await grant(strict_kafka, settings, *(name for name in GRANTS if name != missing))
    async with open_runtime(settings) as runtime, asyncio.timeout(10):
        with pytest.raises(BusUnavailable, match=f"{missing}.*ACLs.*forbid"):
            await publish(runtime, Task(key="a", number=1))
            await runtime.bus.subscribe("work", [Task.type])
