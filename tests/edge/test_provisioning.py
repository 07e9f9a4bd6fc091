"""A provisioned device gets in, as itself and as nobody else: on a real broker with mTLS."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lineal_edge.agent import Agent
from lineal_edge.cli import main
from lineal_edge.connection import BrokerRejected, Connection
from lineal_edge.provisioning import ProvisioningError, install_certificate, make_identity
from lineal_edge.settings import Broker, ClientTls, read_settings
from lineal_local.mosquitto import Mosquitto
from lineal_schemas import mqtt_topics
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import DeviceHealth
from tests.edge.listener import Listener
from tests.edge.sources_for_tests import Counting
from tests.services.missing import skipped_when_unavailable


class Authority:
    days_ago = 0
    """When certificates are made; they are valid for a day."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._build(name, self.key.public_key(), name, ca=True)

    def _build(
        self, subject: x509.Name, key: object, issuer: x509.Name, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC) - timedelta(days=self.days_ago)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, request: Path) -> bytes:
        csr = x509.load_pem_x509_csr(request.read_bytes())
        assert csr.is_signature_valid
        issued = self._build(csr.subject, csr.public_key(), self.certificate.subject, ca=False)
        return issued.public_bytes(serialization.Encoding.PEM)


def test_the_key_is_the_owners_alone_and_is_kept(tmp_path: Path) -> None:
    files = make_identity(tmp_path / "identity", "pump-1")
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.key.parent.stat().st_mode) == 0o700
    key = files.key.read_bytes()
    make_identity(tmp_path / "identity", "pump-1")
    assert files.key.read_bytes() == key
    make_identity(tmp_path / "identity", "pump-1", replace=True)
    assert files.key.read_bytes() != key


def test_the_request_is_for_this_device(tmp_path: Path) -> None:
    files = make_identity(tmp_path, "pump-1")
    request = x509.load_pem_x509_csr(files.request.read_bytes())
    assert request.is_signature_valid
    [name] = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "pump-1"


def test_a_name_that_would_reach_into_anothers_topics_gets_no_identity(tmp_path: Path) -> None:
    with pytest.raises(mqtt_topics.InvalidDevice):
        make_identity(tmp_path / "identity", "+/readings")
    assert not (tmp_path / "identity").exists()


def test_a_certificate_is_taken_if_it_is_this_devices(tmp_path: Path) -> None:
    authority = Authority()
    files = make_identity(tmp_path / "one", "pump-1")
    issued = authority.sign(files.request)
    install_certificate(tmp_path / "one", "pump-1", issued, authority.pem)
    assert files.certificate.read_bytes() == issued

    make_identity(tmp_path / "two", "pump-1")
    with pytest.raises(ProvisioningError, match="another key"):
        install_certificate(tmp_path / "two", "pump-1", issued, authority.pem)
    with pytest.raises(ProvisioningError, match="not for pump-2"):
        install_certificate(tmp_path / "one", "pump-2", issued, authority.pem)
    with pytest.raises(ProvisioningError, match="not signed by"):
        install_certificate(tmp_path / "one", "pump-1", issued, Authority().pem)
    with pytest.raises(ProvisioningError, match="not a certificate"):
        install_certificate(tmp_path / "one", "pump-1", b"hello", authority.pem)
    with pytest.raises(ProvisioningError, match="no key yet"):
        install_certificate(tmp_path / "three", "pump-1", issued, authority.pem)
    assert files.certificate.read_bytes() == issued


def test_a_certificate_that_has_expired_is_refused_and_named_by_the_agent(tmp_path: Path) -> None:
    authority = Authority()
    files = make_identity(tmp_path, "pump-1")
    good = authority.sign(files.request)
    install_certificate(tmp_path, "pump-1", good, authority.pem)
    authority.days_ago = 3
    expired = authority.sign(files.request)
    with pytest.raises(ProvisioningError, match="the device's certificate expired on 20"):
        install_certificate(tmp_path, "pump-1", expired, authority.pem)
    assert files.certificate.read_bytes() == good
    authority.days_ago = -3
    with pytest.raises(ProvisioningError, match=r"is valid from .* this device's clock says"):
        install_certificate(tmp_path, "pump-1", authority.sign(files.request), authority.pem)

    files.certificate.write_bytes(expired)  # it has expired since
    tls = ClientTls(ca=files.ca, certificate=files.certificate, key=files.key)
    with socket.create_server(("127.0.0.1", 0)) as away:
        port = away.getsockname()[1]
    broker = Broker(host="127.0.0.1", port=port, tls=tls)
    with pytest.raises(BrokerRejected, match=f"{files.certificate} expired on 20"):
        Connection(
            "pump-1", broker, in_flight=1, will=("a", b""), subscriptions=(),
            on_message=lambda *_: None, on_change=lambda: None,
        )  # fmt: skip


def without_certificate(folder: Path) -> Path:
    """The settings of a device that was provisioned, and given no certificate yet."""
    file = folder / "agent.toml"
    main(["provision", "pump-1", "--data", str(folder / "data"), "--settings", str(file)])
    return file


def test_without_a_certificate_readings_are_taken_and_it_is_said_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent(read_settings(without_certificate(tmp_path)), source=Counting(300))
    assert agent.run() == 0
    assert agent.sampler.sampled == 300
    assert "there is no" in caplog.text
    assert "`lineal-edge provision pump-1`" in caplog.text


def test_a_check_names_what_is_wrong_with_the_certificates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = without_certificate(tmp_path)
    text = file.read_text().replace('kind = "serial"\nport = "/dev/ttyUSB0"', 'kind = "simulator"')
    file.write_text(text)
    check = ["check", "--settings", str(file)]
    assert main(check) == 1
    assert "device.crt" in capsys.readouterr().err

    authority, folder = Authority(), tmp_path / "data" / "identity"
    issued = authority.sign(folder / "device.csr")
    install_certificate(folder, "pump-1", issued, authority.pem)
    assert main(check) == 0
    assert "certificate until 20" in capsys.readouterr().out

    file.write_text(text.replace('"pump-1"', '"pump-2"', 1))
    assert main(check) == 1
    assert "is of pump-1, not of pump-2" in capsys.readouterr().err
    file.write_text(text)
    make_identity(folder, "pump-1", replace=True)
    (folder / "device.crt").write_bytes(issued)
    assert main(check) == 1
    assert "is of another key" in capsys.readouterr().err


def test_the_command_writes_settings_that_work_and_overwrites_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = tmp_path / 'a "strange" folder', tmp_path / "agent.toml"
    provision = ["provision", "pump-1", "--data", str(data)]
    settings = ["--settings", str(file), "--broker", "mqtt.example.com", "--source", "/dev/ttyS1"]
    assert main([*provision, *settings]) == 0
    read = read_settings(file)
    assert (read.device, read.data, read.broker.host) == ("pump-1", data, "mqtt.example.com")
    assert read.source.port == "/dev/ttyS1"  # type: ignore[attr-defined]
    assert main([*provision, *settings]) == 1
    assert "is there already" in capsys.readouterr().err

    authority = Authority()
    issued, ca = tmp_path / "issued.pem", tmp_path / "ca.pem"
    issued.write_bytes(authority.sign(data / "identity" / "device.csr"))
    ca.write_bytes(authority.pem)
    assert main([*provision, "--certificate", str(issued)]) == 2
    assert main([*provision, "--certificate", str(issued), "--ca", str(ca)]) == 0
    assert read.broker.tls is not None
    assert read.broker.tls.certificate.read_bytes() == issued.read_bytes()


ACCESS = "\n".join(
    [
        *(f"pattern write {mqtt_topics.ROOT}/%u/{name}" for name in mqtt_topics.UP),
        *(f"pattern read {mqtt_topics.ROOT}/%u/{name}" for name in mqtt_topics.DOWN),
    ]
)


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with skipped_when_unavailable(), Mosquitto(access=ACCESS) as broker:
        yield broker


def secure(broker: Mosquitto, name: str) -> Broker:
    identity = broker.client(name)
    tls = ClientTls(ca=broker.ca_file, certificate=identity.certificate, key=identity.key)
    return Broker(host="localhost", port=broker.tls_port, tls=tls)


def connect(client_id: str, settings: Broker) -> Connection:
    return Connection(
        client_id,
        settings,
        in_flight=10,
        will=(mqtt_topics.status(client_id), b"gone"),
        subscriptions=[],
        on_message=lambda *_: None,
        on_change=lambda: None,
    )


def test_a_provisioned_device_delivers_over_mutual_tls(tmp_path: Path, broker: Mosquitto) -> None:
    text = f"""
    device = "pump-1"
    data = "{tmp_path}"
    [broker]
    host = "localhost"
    port = {broker.tls_port}
    [broker.tls]
    ca = "{broker.ca_file}"
    certificate = "{broker.client("pump-1").certificate}"
    key = "{broker.client("pump-1").key}"
    [publishing]
    wait = 0.1
    [scoring]
    enabled = false
    """
    (tmp_path / "agent.toml").write_text(text)
    agent = Agent(read_settings(tmp_path / "agent.toml"), source=Counting(300))
    boot = ("pump-1", agent.outbox.boot_id)
    with Listener(broker.port) as listener:
        agent.start()
        listener.wait(lambda: listener.received(boot) == 300)
        agent.stop()


def test_a_device_that_claims_anothers_name_is_not_received(broker: Mosquitto) -> None:
    with Listener(broker.port) as listener:
        thief = connect("thief", secure(broker, "thief"))
        health = payload_bytes(
            DeviceHealth(
                device="thief",
                boot_id="0" * 32,
                monotonic_us=1,
                wall_us=1,
                sampled=1,
                bad_lines=0,
                reconnects=0,
                dropped=0,
                waiting_rows=0,
                outbox_bytes=0,
            )
        )
        thief.publish(mqtt_topics.health("pump-1"), health)
        thief.publish(mqtt_topics.health("thief"), health)
        listener.wait(lambda: listener.health)
        thief.close()
        assert len(listener.health) == 1


def test_without_a_certificate_nobody_gets_in(broker: Mosquitto, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"\w"):
        connect("pump-1", Broker(host="localhost", port=broker.tls_port))
    stranger = Authority()
    files = make_identity(tmp_path, "pump-1")
    install_certificate(tmp_path, "pump-1", stranger.sign(files.request), stranger.pem)
    tls = ClientTls(ca=broker.ca_file, certificate=files.certificate, key=files.key)
    with pytest.raises(OSError, match="revoked, or that another authority signed"):
        connect("pump-1", Broker(host="localhost", port=broker.tls_port, tls=tls))


def test_a_broker_that_is_another_one_is_not_trusted(broker: Mosquitto, tmp_path: Path) -> None:
    identity = broker.client("pump-1")
    (tmp_path / "ca.pem").write_bytes(Authority().pem)
    tls = ClientTls(ca=tmp_path / "ca.pem", certificate=identity.certificate, key=identity.key)
    with pytest.raises(OSError, match="certificate"):
        connect("pump-1", Broker(host="localhost", port=broker.tls_port, tls=tls))


def test_files_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_identity(tmp_path, "pump-1")
    key = files.key.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        make_identity(tmp_path, "pump-1", replace=True)
    assert files.key.read_bytes() == key
