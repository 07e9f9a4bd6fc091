"""A small certificate authority for devices, the bridge and the broker: P-256, one folder.

A device's certificate has its id as the common name, which brokers take as the user's name. For
more than one site use a real authority: all the others need is certificates of that form.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lineal.errors import LinealError
from lineal_producers.mqtt.access import BRIDGE
from lineal_producers.mqtt.certificate_register import CertificateRegister, Issued
from lineal_schemas.mqtt_topics import device_topic

_AUTHORITY_DAYS = 3650
MAX_DAYS = 1096
"""Of a certificate: three years. A device that was lost is let in no longer than that."""
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
"""Of NIST SP 800-186; smaller ones can be broken sooner."""


class CannotSign(LinealError, ValueError):
    """A certificate cannot be issued; the message says why."""


class Authority:
    """The authority in a folder, made if missing: ``ca.crt`` and ``ca.key``.

    Raises:
        CannotSign: what is in the folder is no authority.
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate_file = folder / "ca.crt"
        key_file = folder / "ca.key"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not key_file.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            write_file(key_file, _private_pem(key), mode=0o600)
            write_file(self.certificate_file, _pem(_self_signed(key)), mode=0o644)
        try:
            found = serialization.load_pem_private_key(key_file.read_bytes(), None)
            self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        except (ValueError, TypeError) as error:
            raise CannotSign(f"{folder} holds no certificate authority: {error}") from error
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise CannotSign(f"{key_file} is not an elliptic-curve key")
        self._key = found
        self.register = CertificateRegister(folder)

    @property
    def certificate(self) -> bytes:
        """The authority's certificate in PEM, which clients and servers have to trust."""
        return _pem(self._certificate)

    def sign_device(self, device: str, request: bytes, *, days: int) -> bytes:
        """The certificate (PEM) for a device's signing request.

        Raises:
            CannotSign: it is no request, or one for another name.
        """
        try:
            asked = x509.load_pem_x509_csr(request)
            valid = asked.is_signature_valid
        except (ValueError, InvalidSignature) as error:
            raise CannotSign(f"not a certificate signing request: {error}") from error
        names = [n.value for n in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [device] or not valid:
            raise CannotSign(f"the request is not for {device}, or not signed by its own key")
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
            raise CannotSign("the request's key is not on the curve P-256, P-384 or P-521")
        check_device(device)
        return self._issue(device, key, ExtendedKeyUsageOID.CLIENT_AUTH, days, [])

    def make_client(self, name: str, *, days: int) -> tuple[bytes, bytes]:
        """A key and a certificate (PEM) for a client whose key need not be made by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._issue(name, key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH, days, [])
        return _private_pem(key), signed

    def make_server(self, hosts: list[str], *, days: int) -> tuple[bytes, bytes]:
        """A key and a certificate (PEM) for a server that is reached by these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._issue(
            hosts[0], key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH, days, hosts
        )
        return _private_pem(key), signed

    def _issue(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        purpose: x509.ObjectIdentifier,
        days: int,
        hosts: list[str],
    ) -> bytes:
        if not 0 < days <= MAX_DAYS:
            raise CannotSign(f"a certificate is valid for 1 to {MAX_DAYS} days, not {days}")
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(name, self._certificate.subject, key, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
        )
        signed = self._signed(builder, hosts)
        expires = signed.not_valid_after_utc
        self.register.add(Issued(signed.serial_number, name, expires))
        return _pem(signed)

    def revocations(self) -> bytes:
        """The list of revoked certificates (CRL, RFC 5280) in PEM, for brokers; signed now.

        It names no time by which a newer one comes that would matter: a broker refuses everybody
        when its list is out of date, so it lives as long as the authority.
        """
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - datetime.timedelta(days=1))
            .next_update(now + datetime.timedelta(days=_AUTHORITY_DAYS))
        )
        for item in self.register.issued():
            if item.revoked is not None:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(item.serial)
                    .revocation_date(item.revoked)
                    .build()
                )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _signed(self, builder: x509.CertificateBuilder, hosts: list[str]) -> x509.Certificate:
        if hosts:
            names = x509.SubjectAlternativeName([_host_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def check_device(name: str) -> None:
    """Whether a device may have this name.

    Raises:
        InvalidDevice: it cannot be a device's.
        CannotSign: it is the bridge's, who may do everything.
    """
    device_topic(name, "status")
    if name == BRIDGE:
        raise CannotSign(f"{BRIDGE!r} is the name of the bridge: no device may have it")


def write_file(file: Path, content: bytes, *, mode: int) -> None:
    """Write a file atomically, and never readable by others in between."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lineal device authority")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder("lineal device authority", subject, key.public_key(), _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # a device's clock may be behind
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
