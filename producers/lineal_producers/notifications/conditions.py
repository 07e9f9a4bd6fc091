"""What rules look at: each condition is a function that finds values."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote

from lineal.dead_letters import LetterFilter, waiting_letters
from lineal.events_on_topic import read_admitted
from lineal.runtime import Runtime
from lineal_catalog.devices.register import registered_devices
from lineal_catalog.reviews.queries import count_waiting, oldest_waiting
from lineal_producers.notifications.settings import LESS_IS_WORSE, ConditionName, NotificationRule
from lineal_schemas.deployments import DeploymentAborted
from lineal_schemas.envelope import decode_payload, now_us

REVIEW_PAGE = "/console/review"
LETTERS_PAGE = "/console/dead-letters"
FLOW_PAGE = "/console/flow"
FLEET_PAGE = "/console/fleet"
ROLLOUTS_PAGE = "/console/fleet/rollouts"
_THRESHOLD = "error_threshold"
_TOO_MANY_FAILED = "too many of its devices failed"
_HOUR_US = 3600 * 1_000_000
_DAY_US = 24 * _HOUR_US


class Found(NamedTuple):
    """A value that a condition has found."""

    key: str
    """Of which of several; empty where there is one."""
    value: float
    text: str
    """In a sentence."""
    page: str = ""
    """Where the console shows it, below its address."""
    named: str = ""
    """In a list of several."""


async def find(runtime: Runtime, rule: NotificationRule) -> list[Found]:
    """What is beyond a rule's limit at present.

    What has one cause is found as one: where something is stuck, all groups behind it wait, and
    certificates that were given together expire together.
    """
    values = await _CONDITIONS[rule.condition](runtime)
    less = rule.condition in LESS_IS_WORSE
    beyond = [
        found
        for found in values
        if (found.value < rule.limit if less else found.value > rule.limit)
    ]
    return together(rule.condition, beyond) if rule.condition in _TOGETHER else beyond


def together(condition: ConditionName, beyond: list[Found]) -> list[Found]:
    """One that names all of several, the worst first."""
    less = condition in LESS_IS_WORSE
    found = sorted(beyond, key=lambda one: (one.value if less else -one.value, one.key))
    if len(found) < 2:
        return [one._replace(key="") for one in found]
    named = [one.named for one in found[:_MAX_NAMED]]
    if len(found) > _MAX_NAMED:
        named.append(f"+{len(found) - _MAX_NAMED}")
    text = _TOGETHER[condition](len(found), ", ".join(named))
    return [Found("", found[0].value, text, found[0].page)]


def _wait(number: int, what: str) -> str:
    return f"1 {what} waits" if number == 1 else f"{number} {what}s wait"


async def _reviews_waiting(runtime: Runtime) -> list[Found]:
    counts = await runtime.store.read(count_waiting)
    total = sum(counts["target"].values())
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts["reason"].items()))
    return [Found("", total, f"{_wait(total, 'item')} for a person ({parts})", REVIEW_PAGE)]


async def _review_hours(runtime: Runtime) -> list[Found]:
    since = await runtime.store.read(oldest_waiting)
    hours = 0.0 if since is None else (now_us() - since) / _HOUR_US
    text = f"an item has waited for a person for {hours:.0f} hours"
    return [Found("", hours, text, REVIEW_PAGE)]


async def _dead_letters(runtime: Runtime) -> list[Found]:
    letters = await waiting_letters(runtime, LetterFilter())
    groups: dict[str, int] = {}
    for letter in letters:
        groups[letter.content.group] = groups.get(letter.content.group, 0) + 1
    parts = ", ".join(f"{count} of {name}" for name, count in sorted(groups.items()))
    text = f"{_wait(len(letters), 'dead letter')} for a decision ({parts})"
    return [Found("", len(letters), text, LETTERS_PAGE)]


async def _lag(runtime: Runtime) -> list[Found]:
    groups: dict[str, int] = {}
    for topic in await runtime.bus.topics():
        for info in topic.groups:
            groups[info.group] = groups.get(info.group, 0) + info.lag
    return [
        Found(
            group, lag, f"{group} has {lag} events still to handle", FLOW_PAGE, f"{group} ({lag})"
        )
        for group, lag in sorted(groups.items())
    ]


async def _failed_rollouts(runtime: Runtime) -> list[Found]:
    since = now_us() - _DAY_US
    if all(topic.topic != DeploymentAborted.type for topic in await runtime.bus.topics()):
        return []
    found = []
    async for delivery in read_admitted(runtime, DeploymentAborted.type):
        if delivery.event.time < since:
            continue
        aborted = decode_payload(delivery.event)
        assert isinstance(aborted, DeploymentAborted)
        reason = _TOO_MANY_FAILED if aborted.reason == _THRESHOLD else aborted.reason
        text = f"the rollout {aborted.rollout_id} was aborted: {reason}"
        page = f"{ROLLOUTS_PAGE}/{quote(aborted.rollout_id, safe='')}"
        found.append(Found(aborted.rollout_id, 1, text, page))
    return found


async def _certificate_days(runtime: Runtime) -> list[Found]:
    expiries = {
        device.birth.device: device.birth.certificate_expires_us / 1e6
        for device in await runtime.store.read(registered_devices)
        if device.birth is not None and device.birth.certificate_expires_us is not None
    }
    expiries |= _given_certificates(runtime)
    now = now_us() / 1e6
    found = []
    for name, expires in sorted(expiries.items()):
        days = (expires - now) / 86_400
        day = datetime.datetime.fromtimestamp(expires, datetime.UTC)
        verb = "expired" if days < 0 else "expires"
        text = f"the certificate of {name} {verb} on {day:%Y-%m-%d}"
        found.append(Found(name, days, text, FLEET_PAGE, f"{name} ({day:%Y-%m-%d})"))
    return found


def _given_certificates(runtime: Runtime) -> Mapping[str, float]:
    """Of the authority's register, if this machine has one."""
    from lineal_producers.mqtt.certificate_register import CertificateRegister
    from lineal_producers.mqtt.settings import MqttSettings

    authority = runtime.settings.section(MqttSettings).authority
    if authority is None:
        return {}
    given = CertificateRegister(authority).issued()
    return {item.name: item.expires.timestamp() for item in given if item.revoked is None}


def _many_groups(number: int, groups: str) -> str:
    return f"{number} groups have events still to handle: {groups}"


def _many_certificates(number: int, names: str) -> str:
    return f"{number} certificates have expired, or soon do: {names}"


_TOGETHER: dict[str, Callable[[int, str], str]] = {
    "lag": _many_groups,
    "certificate_days": _many_certificates,
}
_MAX_NAMED = 20
_CONDITIONS: dict[str, Callable[[Runtime], Awaitable[list[Found]]]] = {
    "reviews_waiting": _reviews_waiting,
    "review_hours": _review_hours,
    "dead_letters": _dead_letters,
    "lag": _lag,
    "failed_rollouts": _failed_rollouts,
    "certificate_days": _certificate_days,
}
