"""A cluster that allows only what is granted: what docs/operating.md lists is enough, and what is
missing is said at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from lineal.errors import BusUnavailable
from lineal.kafka_client.connection import Cluster, Connection
from lineal.kafka_client.wire import Api
from lineal.lineage.topic import LINEAGE_TOPIC
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_local.kafka import Kafka, unsigned_token
from lineal_schemas.bindings import to_kafka
from lineal_schemas.envelope import first_event
from tests.bus.kafka.test_security import assert_works, scram_settings
from tests.conformance.harness import events_on, publish, running, until_events, until_settled
from tests.conformance.workload import Done, Task, work
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
LITERAL, PREFIXED, ALLOWED = 3, 4, 3

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
    rules = [rule for name in names for rule in GRANTS[name]]
    await allow(kafka, kafka.secure.username, settings.kafka.prefix or "", PREFIXED, rules)


async def allow(
    kafka: Kafka, name: str, resource: str, pattern: int, operations: Sequence[tuple[int, int]]
) -> None:
    """Let a user do operations on kinds of resources of a name, or with its beginning."""
    connection = Connection(Cluster((kafka.bootstrap,), "administrator", {}))
    await connection.open()
    user = f"User:{name}"
    rules = [
        (kind, resource, pattern, user, "*", operation, ALLOWED) for kind, operation in operations
    ]
    answer = await connection.send_to_any(CREATE_ACLS(rules))
    while await _rules_in_force(connection, user, resource, pattern) < len(rules):
        await asyncio.sleep(0.02)
    await connection.close()
    assert {code for code, _ in answer[1]} == {0}


async def _rules_in_force(connection: Connection, user: str, resource: str, pattern: int) -> int:
    """How many the broker goes by: it answers from its authorizer."""
    asked = DESCRIBE_ACLS(ANY, resource, pattern, user, None, ANY, ANY)
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
    async with open_runtime(settings) as runtime, asyncio.timeout(60):
        with pytest.raises(BusUnavailable, match=f"{missing}.*ACLs.*forbid"):
            await publish(runtime, Task(key="a", number=1))
            await runtime.bus.subscribe("work", [Task.type])


class TokenOf(AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self._name = name

    async def token(self) -> str:
        return unsigned_token(self._name)


@asynccontextmanager
async def producer_of(kafka: Kafka, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """Any client of the cluster, that shows who it is."""
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.secure.bootstrap,
        security_protocol="SASL_SSL",
        ssl_context=kafka.secure.ssl_context(),
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_provider=TokenOf(name),
    ) as producer:
        yield producer


async def test_others_write_the_topics_of_their_own_types_alone(
    strict_kafka: Kafka, tmp_path: Path
) -> None:
    """With the grants that docs/permissions.md names for others: the broker refuses the rest, and
    what they may write is handled, but for what passes itself off as a stage's."""
    settings = scram_settings(tmp_path, strict_kafka)
    prefix = settings.kafka.prefix
    await grant(strict_kafka, settings, *GRANTS)
    await allow(strict_kafka, "shop", f"{prefix}{Task.type}", LITERAL, [(TOPICS, WRITE)])
    sent = first_event(Task(key="a", number=1, scratch=str(tmp_path)), id="sent", source="/shop")
    forged = sent._replace(id="forged", source="lineal:stage/work", actor="user:root")
    closed = Done.type, f"dead.{work.name}", f"redrive.{work.name}", LINEAGE_TOPIC
    async with open_runtime(settings) as runtime:
        for topic in (Task.type, *closed):
            await runtime.bus.create_topic(topic)
        async with producer_of(strict_kafka, "shop") as shop:
            for event in (sent, forged):
                key, value, headers = to_kafka(event)
                await shop.send_and_wait(f"{prefix}{Task.type}", value, key=key, headers=headers)
            for topic in closed:
                with pytest.raises(TopicAuthorizationFailedError):
                    await shop.send_and_wait(f"{prefix}{topic}", value, key=key, headers=headers)
        async with producer_of(strict_kafka, "stranger") as stranger:
            with pytest.raises(TopicAuthorizationFailedError):
                await stranger.send_and_wait(f"{prefix}{Task.type}", value, key=key)
        async with running(runtime, work):
            await until_events(runtime, f"dead.{work.name}", 1)
            await until_settled(runtime, work.name)
        assert [event.causationid for event in await events_on(runtime, Done.type)] == ["sent"]
