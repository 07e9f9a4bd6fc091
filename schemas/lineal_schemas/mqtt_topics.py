"""The MQTT topics of a device, and the device of a topic.

=================  =========  ===  ========  ====================================================
topic              direction  QoS  retained  payload (JSON)
=================  =========  ===  ========  ====================================================
readings           up         1    no        telemetry.readings or telemetry.gap, by ``kind``
events             up         1    no        device.event
status             up         1    yes       device.birth or device.death (last will), by ``kind``
health             up         0    no        device.health
ack                down       1    no        telemetry.ack
jobs/notify        down       1    yes       JobNotice
jobs/update        up         1    no        device.event with deployment.job_updated inside
jobs/update/reply  down       1    no        JobReply
anomalies/answer   down       1    yes       anomaly.answered
talk               up         1    no        DeviceUtterance
talk/reply         down       1    no        DeviceReply
=================  =========  ===  ========  ====================================================

All begin with ``lineal/v1/DEVICE/``. Up is what a device publishes, and all a broker's access list
lets it publish; down is what it subscribes to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lineal_schemas.errors import LinealError

ROOT = "lineal/v1"
UP = ("readings", "events", "status", "health", "jobs/update", "talk")
DOWN = ("ack", "jobs/notify", "jobs/update/reply", "anomalies/answer", "talk/reply")

_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class InvalidDevice(LinealError, ValueError):
    """A name that cannot be a device's: it would reach into another's topics."""


class DeviceTopic(NamedTuple):
    """A topic taken apart."""

    device: str
    name: str
    """``readings``, ``jobs/update``, ..."""


def device_topic(device: str, name: str) -> str:
    """The topic ``name`` of a device.

    Raises:
        InvalidDevice: the device's name is not one level of letters, digits, ``_``, ``.``, ``-``.
    """
    if not _DEVICE.fullmatch(device):
        raise InvalidDevice(f"{device!r} cannot be the name of a device")
    return f"{ROOT}/{device}/{name}"


def readings(device: str) -> str:
    return device_topic(device, "readings")


def events(device: str) -> str:
    return device_topic(device, "events")


def status(device: str) -> str:
    return device_topic(device, "status")


def health(device: str) -> str:
    return device_topic(device, "health")


def ack(device: str) -> str:
    return device_topic(device, "ack")


def jobs_notify(device: str) -> str:
    return device_topic(device, "jobs/notify")


def jobs_update(device: str) -> str:
    return device_topic(device, "jobs/update")


def jobs_update_reply(device: str) -> str:
    return device_topic(device, "jobs/update/reply")


def anomaly_answer(device: str) -> str:
    return device_topic(device, "anomalies/answer")


def talk_reply(device: str) -> str:
    return device_topic(device, "talk/reply")


def of_all_devices(name: str, share: str | None = None) -> str:
    """The filter that takes the topic ``name`` of every device; with ``share``, as one of the
    subscribers of that name among which MQTT 5 divides the messages."""
    plain = f"{ROOT}/+/{name}"
    return plain if share is None else f"$share/{share}/{plain}"


def parse(topic: str) -> DeviceTopic | None:
    """Whose topic it is, and which; None for a topic that is none of ours."""
    device, _, name = topic.removeprefix(f"{ROOT}/").partition("/")
    if not topic.startswith(f"{ROOT}/") or name not in UP + DOWN or not _DEVICE.fullmatch(device):
        return None
    return DeviceTopic(device, name)
