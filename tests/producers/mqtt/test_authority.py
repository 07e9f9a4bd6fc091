"""Certificates: what the agent asks for and takes, and what a broker can be set up with."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import queue
import socket
import ssl
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from typer.testing import CliRunner

from lineal_cli.main import app
from lineal_edge.provisioning import (
    ProvisioningError,
    identity_files,
    install_certificate,
    make_identity,
)
from lineal_local.certificates import Certificate
from lineal_local.mosquitto import find_mosquitto
from lineal_local.ports import accepts, free_port
from lineal_producers.mqtt.access import access_list, listener
from lineal_producers.mqtt.authority import Authority, CannotSign
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.mqtt.shares import share_of
from lineal_schemas.mqtt_topics import InvalidDevice
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.messages import readings
from tests.producers.mqtt.system import BridgeProcess
from tests.services.missing import skipped_when_unavailable

INFRA = Path(__file__).parents[3] / "infra" / "mosquitto"


def lineal(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_delivered_files_are_what_the_command_writes() -> None:
    assert (INFRA / "access.acl").read_text() == access_list()
    conf = listener(Path("/etc/mosquitto/lineal"), Path("/var/lib/mosquitto"), 8883)
    assert (INFRA / "mosquitto.conf").read_text() == conf


def test_what_root_writes_can_be_read_by_the_user_that_the_broker_becomes(tmp_path: Path) -> None:
    try:
        user = pwd.getpwnam("mosquitto").pw_uid
    except KeyError:
        pytest.skip("there is no user mosquitto")
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    lineal("device", "broker", "::1", "--authority", tmp_path / "ca", "--out", tmp_path / "out")
    given = {file.name for file in (tmp_path / "out").iterdir() if file.stat().st_uid == user}
    assert given == {"access.acl", "broker.key", "data"}


def test_the_bridges_section_is_one_that_it_understands(tmp_path: Path) -> None:
    said = lineal(
        "device", "broker", "::1", "--authority", tmp_path / "ca", "--shares", "2",
        "--out", tmp_path / 'an "odd" one',
    )  # fmt: skip
    settings = MqttSettings(**tomllib.loads(said[said.index("[mqtt]") :])["mqtt"])
    assert settings.url == "mqtts://[::1]:8883"
    assert settings.shares == 2
    assert Path(str(settings.certificate).replace("{share}", "2")).is_file()


def test_an_agent_takes_the_certificate_for_its_request(tmp_path: Path) -> None:
    identity = tmp_path / "identity"
    make_identity(identity, "pump-1")
    lineal(
        "device", "provision", "pump-1", "--authority", tmp_path / "ca",
        "--request", identity_files(identity).request, "--out", tmp_path / "out",
    )  # fmt: skip
    install_certificate(
        identity,
        "pump-1",
        (tmp_path / "out" / "pump-1.crt").read_bytes(),
        (tmp_path / "out" / "ca.crt").read_bytes(),
    )
    assert not (tmp_path / "out" / "pump-1.key").exists()


def test_a_request_for_another_name_is_not_signed(tmp_path: Path) -> None:
    files = make_identity(tmp_path / "identity", "pump-2")
    authority = Authority(tmp_path / "ca")
    with pytest.raises(CannotSign, match="not for pump-1"):
        authority.sign_device("pump-1", files.request.read_bytes(), days=1)
    with pytest.raises(CannotSign):
        authority.sign_device("pump-1", b"nonsense", days=1)


@pytest.mark.parametrize(
    ("curve", "days", "reason"),
    [
        (ec.SECP192R1(), 1, "P-256"),
        (ec.SECP224R1(), 1, "P-256"),
        (ec.SECP256R1(), 100_000, "1096 days"),
        (ec.SECP256R1(), 0, "1096 days"),
    ],
)
def test_weak_curves_and_long_lives_are_not_signed(
    tmp_path: Path, curve: ec.EllipticCurve, days: int, reason: str
) -> None:
    key = ec.generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pump-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    with pytest.raises(CannotSign, match=reason):
        Authority(tmp_path / "ca").sign_device(
            "pump-1", request.public_bytes(serialization.Encoding.PEM), days=days
        )


def test_no_device_may_be_called_like_the_bridge(tmp_path: Path) -> None:
    """Who has that name may do everything."""
    files = make_identity(tmp_path / "identity", "bridge")
    with pytest.raises(CannotSign, match="bridge"):
        Authority(tmp_path / "ca").sign_device("bridge", files.request.read_bytes(), days=1)
    result = CliRunner().invoke(
        app, ["device", "provision", "bridge", "--authority", str(tmp_path / "ca")]
    )
    assert result.exit_code == 1


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a b", ".a"])
def test_no_device_may_reach_into_others_topics_by_its_name(tmp_path: Path, name: str) -> None:
    from lineal_producers.mqtt.authority import check_device

    with pytest.raises(InvalidDevice):
        check_device(name)


def test_an_authority_stays_the_same_and_its_key_its_own(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca").certificate
    assert Authority(tmp_path / "ca").certificate == first
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o077 == 0
    (tmp_path / "ca" / "ca.crt").write_text("nonsense")
    with pytest.raises(CannotSign):
        Authority(tmp_path / "ca")


def test_a_certificate_of_another_authority_is_not_taken_by_the_agent(tmp_path: Path) -> None:
    files = make_identity(tmp_path / "identity", "pump-1")
    signed = Authority(tmp_path / "one").sign_device("pump-1", files.request.read_bytes(), days=1)
    with pytest.raises(ProvisioningError):
        install_certificate(
            tmp_path / "identity", "pump-1", signed, Authority(tmp_path / "two").certificate
        )


@pytest.mark.parametrize(("shares", "name"), [(1, "bridge"), (2, "bridge-{share}")])
def test_a_broker_set_up_by_the_command_serves_bridge_and_device(
    tmp_path: Path, shares: int, name: str
) -> None:
    """With several shares their sessions are there at the same time, each with its certificate."""
    with skipped_when_unavailable():
        program = find_mosquitto()
    port = free_port()
    out, authority = tmp_path / "mosquitto", tmp_path / "ca"
    lineal(
        "device", "broker", "localhost", "--authority", authority, "--out", out,
        "--port", str(port), "--shares", str(shares),
    )  # fmt: skip
    devices = ("pump-1", "pump-4")
    assert {share_of(device, shares).number for device in devices} == set(range(1, shares + 1))
    for device in devices:
        lineal("device", "provision", device, "--authority", authority, "--out", tmp_path)
    lineal("device", "provision", "pump-9", "--authority", authority, "--out", tmp_path)
    lineal("device", "revoke", "pump-9", "--authority", authority, "--out", out)
    conf = out / "mosquitto.conf"
    conf.write_text(f"user root\n{conf.read_text()}")
    bridge = BridgeProcess(
        tmp_path / "bridge",
        {
            "LINEAL_MQTT__URL": f"mqtts://localhost:{port}",
            "LINEAL_MQTT__CA": str(out / "ca.crt"),
            "LINEAL_MQTT__CERTIFICATE": str(out / f"{name}.crt"),
            "LINEAL_MQTT__KEY": str(out / f"{name}.key"),
            "LINEAL_MQTT__SHARES": str(shares),
        },
    )
    with (tmp_path / "log").open("wb") as log:
        mosquitto = subprocess.Popen([program, "-c", conf], stdout=log, stderr=log)
    try:
        bridge.until(lambda: accepts(port))
        bridge.start()
        bridge.until(lambda: bridge.log().count("bridge.connected") == shares)
        for device in devices:
            identity = Certificate(tmp_path / f"{device}.crt", tmp_path / f"{device}.key")
            with DeviceDouble(
                port, device, identity=identity, ca=tmp_path / "ca.crt", host="localhost"
            ) as pump:
                pump.say(readings(1, 20, device=device))
                pump.wait_for_ack(20)
        assert bridge.log().count("bridge.connected") == shares
    finally:
        bridge.kill()
        mosquitto.kill()
        mosquitto.wait()


def test_a_revoked_device_is_let_in_no_longer(tmp_path: Path) -> None:
    with skipped_when_unavailable():
        program = find_mosquitto()
    port = free_port()
    out, authority = tmp_path / "mosquitto", tmp_path / "ca"
    lineal(
        "device", "broker", "localhost", "--authority", authority, "--out", out,
        "--port", str(port),
    )  # fmt: skip
    conf = out / "mosquitto.conf"
    conf.write_text(f"user {getpass.getuser()}\n{conf.read_text()}")
    for name in ("pump-1", "pump-2"):
        lineal("device", "provision", name, "--authority", authority, "--out", tmp_path)

    def let_in() -> set[str]:
        broker = subprocess.Popen(
            [program, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not accepts(port):
                assert broker.poll() is None
            return {name for name in ("pump-1", "pump-2") if _is_let_in(tmp_path, name, port)}
        finally:
            broker.kill()
            broker.wait()

    assert let_in() == {"pump-1", "pump-2"}
    lineal("device", "revoke", "pump-1", "--authority", authority, "--out", out)
    assert let_in() == {"pump-2"}
    listed = json.loads(lineal("device", "certificates", "--authority", authority, "--json"))
    assert {(item["name"], item["state"]) for item in listed} == {
        ("localhost", "valid"), ("bridge", "valid"), ("pump-1", "revoked"), ("pump-2", "valid"),
    }  # fmt: skip
    lineal("device", "provision", "pump-1", "--authority", authority, "--out", tmp_path)
    assert let_in() == {"pump-1", "pump-2"}


def test_a_running_broker_keeps_a_revoked_device_out_at_once(tmp_path: Path) -> None:
    """Connected or not, without a restart, and until it has a new certificate."""
    with skipped_when_unavailable():
        program = find_mosquitto()
    port = free_port()
    out, authority = tmp_path / "mosquitto", tmp_path / "ca"
    lineal(
        "device", "broker", "localhost", "--authority", authority, "--out", out,
        "--port", str(port),
    )  # fmt: skip
    conf = out / "mosquitto.conf"
    conf.write_text(f"user {getpass.getuser()}\n{conf.read_text()}")
    for name in ("pump-1", "pump-2"):
        lineal("device", "provision", name, "--authority", authority, "--out", tmp_path)
    broker = subprocess.Popen(
        [program, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pump = _client(tmp_path, "pump-1")
    bridge = _client(out, "bridge")
    heard: queue.Queue[bytes] = queue.Queue()
    subscribed = threading.Event()
    bridge.on_message = lambda *given: heard.put(given[2].payload)
    bridge.on_subscribe = lambda *_: subscribed.set()
    try:
        while not accepts(port):
            assert broker.poll() is None
        for client in (pump, bridge):
            client.connect("localhost", port)
            client.loop_start()
        _until(bridge.is_connected)
        bridge.subscribe("lineal/v1/#", 1)
        assert subscribed.wait(180)
        pump.publish("lineal/v1/pump-1/health", b"before", qos=1)
        assert heard.get(timeout=180) == b"before"
        done = json.loads(
            lineal(
                "device", "revoke", "pump-1", "--authority", authority, "--out", out, "--json"
            )
        )  # fmt: skip
        assert done["reloaded"]
        _until(lambda: not _is_let_in(tmp_path, "pump-1", port))
        assert _is_let_in(tmp_path, "pump-2", port)
        # What it says on the connection that it still has is heard by nobody.
        said = pump.publish("lineal/v1/pump-1/health", b"after", qos=1)
        _until(lambda: said.is_published() or not pump.is_connected())
        other = _client(tmp_path, "pump-2")
        other.connect("localhost", port)
        other.loop_start()
        other.publish("lineal/v1/pump-2/health", b"another", qos=1)
        assert heard.get(timeout=180) == b"another"
        other.loop_stop()
        lineal(
            "device", "provision", "pump-1", "--authority", authority, "--out", tmp_path,
            "--broker", out,
        )  # fmt: skip
        assert _is_let_in(tmp_path, "pump-1", port)
        again = _client(tmp_path, "pump-1")
        again.connect("localhost", port)
        again.loop_start()
        _until(lambda: _publish_heard(again, heard))
        again.loop_stop()
    finally:
        for client in (pump, bridge):
            client.loop_stop()
        broker.kill()
        broker.wait()


def _client(folder: Path, name: str) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.tls_set(str(folder / "ca.crt"), str(folder / f"{name}.crt"), str(folder / f"{name}.key"))
    return client


def _publish_heard(client: Client, heard: queue.Queue[bytes]) -> bool:
    client.publish("lineal/v1/pump-1/health", b"back", qos=1)
    try:
        return heard.get(timeout=1) == b"back"
    except queue.Empty:
        return False


def _until(true: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end


def _is_let_in(folder: Path, name: str, port: int) -> bool:
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    # In TLS 1.3 a client learns of it only after its own side of the handshake is done.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection(("localhost", port)) as connection:
            context.wrap_socket(connection, server_hostname="localhost").close()
    except (ssl.SSLError, ConnectionError):
        return False
    return True


def test_what_expires_soon_is_said_in_time(tmp_path: Path) -> None:
    Authority(tmp_path / "ca").make_client("pump-1", days=20)
    assert "expires soon" in lineal("device", "certificates", "--authority", tmp_path / "ca")
    failed = CliRunner().invoke(
        app, ["device", "revoke", "pump-9", "--authority", str(tmp_path / "ca")]
    )
    assert failed.exit_code == 1
