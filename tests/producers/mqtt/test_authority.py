"""Certificates: what the agent asks for and takes, and what a broker can be set up with."""

from __future__ import annotations

import getpass
import json
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
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


def test_a_broker_set_up_by_the_command_serves_bridge_and_device(tmp_path: Path) -> None:
    with skipped_when_unavailable():
        program = find_mosquitto()
    port = free_port()
    out, authority = tmp_path / "mosquitto", tmp_path / "ca"
    lineal(
        "device", "broker", "localhost", "--authority", authority, "--out", out,
        "--port", str(port),
    )  # fmt: skip
    lineal("device", "provision", "pump-1", "--authority", authority, "--out", tmp_path)
    conf = out / "mosquitto.conf"
    conf.write_text(f"user root\n{conf.read_text()}")
    bridge = BridgeProcess(
        tmp_path / "bridge",
        {
            "LINEAL_MQTT__URL": f"mqtts://localhost:{port}",
            "LINEAL_MQTT__CA": str(out / "ca.crt"),
            "LINEAL_MQTT__CERTIFICATE": str(out / "bridge.crt"),
            "LINEAL_MQTT__KEY": str(out / "bridge.key"),
        },
    )
    with (tmp_path / "log").open("wb") as log:
        mosquitto = subprocess.Popen([program, "-c", conf], stdout=log, stderr=log)
    try:
        bridge.until(lambda: accepts(port))
        bridge.start()
        identity = Certificate(tmp_path / "pump-1.crt", tmp_path / "pump-1.key")
        with DeviceDouble(
            port, identity=identity, ca=tmp_path / "ca.crt", host="localhost"
        ) as pump:
            pump.say(readings(1, 20))
            pump.wait_for_ack(20)
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
