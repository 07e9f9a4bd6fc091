"""Provisions a device: private key, certificate request, settings.

The certificate's common name is the device's id; brokers take it as the MQTT user name, so a device
can publish only as itself.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lineal_edge.settings import ClientTls
from lineal_schemas.errors import LinealError
from lineal_schemas.mqtt_topics import device_topic

_NAME = NameOID.COMMON_NAME


class ProvisioningError(LinealError, ValueError):
    """The device cannot be provisioned like this, and why."""


class Identity(NamedTuple):
    """The files of a device's identity."""

    key: Path
    request: Path
    """The certificate signing request, for whoever runs the certificate authority."""
    certificate: Path
    ca: Path


def identity_files(folder: Path) -> Identity:
    """Where the files of an identity are, whether they are there or not."""
    return Identity(
        folder / "device.key", folder / "device.csr", folder / "device.crt", folder / "ca.crt"
    )


def make_identity(folder: Path, device: str, *, replace: bool = False) -> Identity:
    """Make a P-256 key (readable by its owner only) and a signing request for it. A key that is
    there is kept, and asked for again, unless ``replace`` is set.

    Raises:
        InvalidDevice: the name cannot be a device's.
        ProvisioningError: there is a key that cannot be read.
        OSError: the folder cannot be written.
    """
    device_topic(device, "status")
    files = identity_files(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if files.key.exists() and not replace:
        key = _read_key(files.key)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(files.key, pem, mode=0o600)
        files.certificate.unlink(missing_ok=True)  # it belonged to the key before
    name = x509.Name([x509.NameAttribute(_NAME, device)])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files.request, request.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return files


def install_certificate(folder: Path, device: str, certificate: bytes, ca: bytes) -> Identity:
    """Take the signed certificate and the authority's (both PEM) if they fit key and device.

    Raises:
        ProvisioningError: the certificate is for another key or device, or was not signed by this
            authority, or one of the two is not a certificate or has expired.
        OSError: a file cannot be read or written.
    """
    files = identity_files(folder)
    try:
        issued = x509.load_pem_x509_certificate(certificate)
        authority = x509.load_pem_x509_certificate(ca)
    except ValueError as error:
        raise ProvisioningError(f"not a certificate: {error}") from error
    names = issued.subject.get_attributes_for_oid(_NAME)
    if [name.value for name in names] != [device]:
        raise ProvisioningError(f"the certificate is not for {device}")
    if _public_bytes(issued) != _public_bytes(_read_key(files.key)):
        raise ProvisioningError("the certificate is for another key than this device's")
    try:
        issued.verify_directly_issued_by(authority)
    except Exception as error:  # the library raises ValueError, TypeError or InvalidSignature
        raise ProvisioningError("the certificate was not signed by this authority") from error
    for whose, found in (("the device's", issued), ("the authority's", authority)):
        if problem := _out_of_time(found):
            raise ProvisioningError(f"{whose} certificate {problem}: have a new one signed")
    _write(files.certificate, certificate, mode=0o644)
    _write(files.ca, ca, mode=0o644)
    return files


def _out_of_time(certificate: x509.Certificate) -> str | None:
    """Why a certificate is of no use now, by the device's clock; None if it is."""
    now = datetime.now(timezone.utc)
    if now > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < certificate.not_valid_before_utc:
        return (
            f"is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC, "
            f"and this device's clock says {now:%Y-%m-%d %H:%M}"
        )
    return None


def certificate_problems(device: str, tls: ClientTls) -> list[str]:
    """What keeps a broker from taking the device's certificate, or the device from believing the
    broker's, and what to do: a broker only ends the connection."""
    missing = [file for file in (tls.key, tls.certificate, tls.ca) if not file.exists()]
    if missing:
        return [
            f"there is no {' and no '.join(map(str, missing))}: `lineal-edge provision {device}` "
            "makes the key and the request; with --certificate and --ca it takes what was signed"
        ]
    found = []
    for file in (tls.certificate, tls.ca):
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except (OSError, ValueError) as error:
            found.append(f"{file} is no certificate that can be read: {error}")
            continue
        if problem := _out_of_time(certificate):
            found.append(f"the certificate {file} {problem}")
        if file == tls.certificate:
            found += _unfit(certificate, device, tls)
    return found


def _unfit(certificate: x509.Certificate, device: str, tls: ClientTls) -> list[str]:
    """Why a certificate is not that of the device, or not of its key."""
    found = []
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(_NAME)]
    if names != [device]:
        found.append(f"the certificate {tls.certificate} is of {', '.join(names)}, not of {device}")
    try:
        if _public_bytes(certificate) != _public_bytes(_read_key(tls.key)):
            found.append(f"the certificate {tls.certificate} is of another key than {tls.key}")
    except (OSError, ProvisioningError) as error:
        found.append(str(error))
    return found


def certificate_expiry(tls: ClientTls | None) -> int | None:
    """When the device's certificate expires, in microseconds since the Unix epoch; None without
    one that can be read."""
    if tls is None:
        return None
    try:
        found = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    except (OSError, ValueError):
        return None
    return max(0, int(found.not_valid_after_utc.timestamp())) * 1_000_000


def settings_text(device: str, data: Path, broker: str, port: int, source: str) -> str:
    """The settings file of a provisioned device (TOML). ``source`` is a serial port, or
    ``simulator``."""
    files = identity_files(data / "identity")
    from_where = (
        ['kind = "simulator"']
        if source == "simulator"
        else ['kind = "serial"', _set("port", source)]
    )
    return "\n".join(
        [
            _set("device", device),
            _set("data", str(data)),
            "",
            "[source]",
            *from_where,
            "",
            "[broker]",
            _set("host", broker),
            f"port = {port}",
            "",
            "[broker.tls]",
            _set("ca", str(files.ca)),
            _set("certificate", str(files.certificate)),
            _set("key", str(files.key)),
            "",
            "[update.trusted_keys]",
            "# who may sign model packages: name = base64 of the Ed25519 public key",
            "",
        ]
    )


def _set(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name} = "{escaped}"'


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except FileNotFoundError as error:
        raise ProvisioningError(f"there is no key yet: {file}") from error
    except (ValueError, TypeError) as error:
        raise ProvisioningError(f"{file} is not a key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ProvisioningError(f"{file} is not an elliptic-curve key")
    return key


def _public_bytes(holder: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    return holder.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write(file: Path, content: bytes, *, mode: int) -> None:
    """Whole or not at all, also when the power goes, and never readable by others in between."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
