"""TLS with SCRAM and with tokens, on a broker that lets nobody else in; and what is said when it
does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineal.errors import BusUnavailable, UnsupportedSetting
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_local.kafka import Kafka, unsigned_token
from tests.conformance.harness import events_on, publish, running, until_settled
from tests.conformance.kafka import kafka_settings
from tests.conformance.workload import Done, Task, work


def secure_settings(folder: Path, kafka: Kafka, **kafka_options: str) -> Settings:
    settings = kafka_settings(folder, kafka.secure.bootstrap)
    options = settings.kafka.model_copy(
        update={
            "security_protocol": "SASL_SSL",
            "ca_file": str(kafka.secure.ca_file),
            **kafka_options,
        }
    )
    return settings.model_copy(update={"kafka": options})


def scram_settings(folder: Path, kafka: Kafka) -> Settings:
    login = {"username": kafka.secure.username, "password": kafka.secure.password}
    return secure_settings(folder, kafka, **login)


async def assert_works(settings: Settings, folder: Path) -> None:
    async with open_runtime(settings) as runtime:
        await publish(runtime, Task(key="a", number=1, scratch=str(folder)))
        async with running(runtime, work):
            await until_settled(runtime, "work")
        assert len(await events_on(runtime, Done.type)) == 1


async def test_scram(kafka: Kafka, tmp_path: Path) -> None:
    await assert_works(scram_settings(tmp_path, kafka), tmp_path)


async def test_a_token_from_a_file(kafka: Kafka, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(unsigned_token("worker") + "\n")
    login = {"sasl_mechanism": "OAUTHBEARER", "token_file": str(token)}
    await assert_works(secure_settings(tmp_path, kafka, **login), tmp_path)


async def test_a_token_from_a_command(kafka: Kafka, tmp_path: Path) -> None:
    login = {
        "sasl_mechanism": "OAUTHBEARER",
        "token_command": f"printf %s {unsigned_token('worker')}",
    }
    await assert_works(secure_settings(tmp_path, kafka, **login), tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"username": "lineal", "password": "wrong"}, "credentials"),
        ({"username": "lineal"}, "LINEAL_KAFKA__PASSWORD"),
        ({"sasl_mechanism": "OAUTHBEARER"}, "LINEAL_KAFKA__TOKEN_FILE"),
        ({"ca_file": "/nowhere.pem"}, "LINEAL_KAFKA__CA_FILE"),
    ],
)
async def test_what_does_not_let_us_in_is_said(
    kafka: Kafka, tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(BusUnavailable, match=said):
        async with open_runtime(secure_settings(tmp_path, kafka, **options)):
            pass


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    settings = kafka_settings(tmp_path, "127.0.0.1:1")
    with pytest.raises(BusUnavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1"):
        async with open_runtime(settings):
            pass


async def test_no_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSetting, match="kafka://HOST:PORT"):
        async with open_runtime(Settings(data=tmp_path, bus="kafka://")):
            pass
