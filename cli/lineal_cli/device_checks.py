"""What ``lineal doctor`` says of certificates, the root of trust, and what says which packages are
current: what expires, and when."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.errors import LinealError
from lineal.settings import Settings
from lineal_cli.check import Check
from lineal_cli.reading import reading

if TYPE_CHECKING:
    from lineal_catalog.models.release_current import PublishedSnapshot
    from lineal_catalog.models.release_roots import PublishedRoot

WARN_DAYS = 30
_RENEW = (
    "give it a new one: `lineal device provision` (`lineal device broker` for broker and bridge)"
)


def check_devices(settings: Settings, now: datetime.datetime | None = None) -> Iterator[Check]:
    """The bridge's certificate, those of the authority's register and of devices that have been
    connected, the root of trust, and what it says of current packages."""
    now = now or datetime.datetime.now(datetime.UTC)
    expiries: dict[str, datetime.datetime] = {}
    try:
        from lineal_producers.mqtt.certificate_register import CertificateRegister
        from lineal_producers.mqtt.settings import MqttSettings

        mqtt = settings.section(MqttSettings)
        if mqtt.authority is not None:
            for issued in CertificateRegister(mqtt.authority).issued():
                if issued.revoked is None:
                    expiries[issued.name] = issued.expires
        if mqtt.certificate is not None:
            expiries["the bridge"] = _expiry(mqtt.certificate)
    except ImportError:
        return
    except (OSError, ValueError) as error:
        yield Check("certificates", "broken", str(error), "correct [mqtt] in lineal.toml")
        return
    devices, root, current, cloned = _known(settings)
    if cloned:
        remedy = "their keys were copied: `lineal device revoke`, then give them new keys"
        yield Check("devices", "broken", f"connected by two agents each: {_few(cloned)}", remedy)
    expiries |= devices
    if expiries:
        yield _expiring("certificates", expiries, now, _RENEW)
    if root is not None:
        remedy = "publish the next one: `lineal deploy root draft`"
        named = {f"root {root.version}": _at(root.expires)}
        yield _expiring("root of trust", named, now, remedy)
        if root.snapshots or (root.snapshots is None and current is not None):
            yield _current(root, current, now)


def _current(
    root: PublishedRoot, current: PublishedSnapshot | None, now: datetime.datetime
) -> Check:
    """Whether devices are told, in time, which packages are current."""
    name, waiting = "current packages", "devices install nothing"
    remedy = (
        "run `lineal up` or `lineal produce releases` where [stages.deploy] has `online_key_file` "
        "or `key_file`, and look at what it logs"
    )
    if current is None:
        found = f"root {root.version} has keys to sign which they are, and nobody did: {waiting}"
        return Check(name, "broken", found, remedy)
    expires, lasting = _at(current.expires), current.expires - current.signed
    if expires <= now:
        found = f"the last timestamp expired at {expires:%Y-%m-%d %H:%M} UTC: {waiting}"
        return Check(name, "broken", found, remedy)
    # It is signed anew when half of its time is over.
    if expires - now < datetime.timedelta(microseconds=lasting / 3):
        found = f"the timestamp expires at {expires:%Y-%m-%d %H:%M} UTC and was not signed anew"
        return Check(name, "warning", found, remedy)
    return Check(name, "fine", f"signed, until {expires:%Y-%m-%d %H:%M} UTC")


def _expiring(
    name: str, expiries: dict[str, datetime.datetime], now: datetime.datetime, remedy: str
) -> Check:
    over = sorted(who for who, expires in expiries.items() if expires <= now)
    soon = sorted(
        who
        for who, expires in expiries.items()
        if now < expires <= now + datetime.timedelta(days=WARN_DAYS)
    )
    if over:
        found = f"expired: {_few(over)}" + (f"; expire soon: {_few(soon)}" if soon else "")
        return Check(name, "broken", found, remedy)
    first = min(expiries.values())
    if soon:
        return Check(name, "warning", f"expire within {WARN_DAYS} days: {_few(soon)}", remedy)
    return Check(name, "fine", f"{len(expiries)}, the first expires on {first:%Y-%m-%d}")


def _few(names: list[str]) -> str:
    rest = "" if len(names) <= 5 else f" and {len(names) - 5} more"
    return ", ".join(names[:5]) + rest


def _expiry(file: Path) -> datetime.datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def _at(microseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(microseconds / 1e6, datetime.UTC)


def _known(
    settings: Settings,
) -> tuple[dict[str, datetime.datetime], PublishedRoot | None, PublishedSnapshot | None, list[str]]:
    """Certificates of devices, as they said when they were connected last, the newest root and
    timestamp, and which devices there are two of."""
    from lineal_catalog.devices.register import registered_devices
    from lineal_catalog.models.release_current import newest_snapshot
    from lineal_catalog.models.release_roots import newest_root

    try:
        with reading(settings.data) as (connection, _):
            devices = registered_devices(connection)
            root, current = newest_root(connection), newest_snapshot(connection)
    except LinealError:
        # There is nothing, or what is there is said by the check of the store.
        return {}, None, None, []
    births = [device.birth for device in devices]
    expiries = {
        birth.device: _at(birth.certificate_expires_us)
        for birth in births
        if birth is not None and birth.certificate_expires_us is not None
    }
    return expiries, root, current, [device.device for device in devices if device.cloned]
