"""Which devices something is for: by what they measure, their kind, and other attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict

from lineal_schemas.telemetry import DeviceBirth

FIRMWARE, KIND = "firmware", "kind"


class DeviceProfile(BaseModel):
    """What a device has said of itself."""

    model_config = ConfigDict(frozen=True)

    features: tuple[str, ...] = ()
    """What it measures; empty where it does not say."""
    attributes: dict[str, str] = {}
    """With ``firmware``, the version of its agent."""


def profile_of(birth: DeviceBirth) -> DeviceProfile:
    """What a device says at its birth."""
    return DeviceProfile(
        features=birth.features,
        attributes={**birth.attributes, FIRMWARE: birth.agent_version},
    )


def matches(attributes: Mapping[str, str], where: Mapping[str, str]) -> bool:
    """Whether attributes are as they have to be; ``*`` and ``?`` stand for anything."""
    return not _differing(attributes, where)


def divide(
    known: Mapping[str, DeviceProfile],
    *,
    model: str | None = None,
    features: Collection[str] = (),
    where: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """The devices that something is for, by name, and the others with the reason.

    Args:
        model: its name. Where it is also a kind of device (machine files give both the same name),
            devices of another kind are left out.
        features: what it needs. A device that does not say what it measures decides itself.
        where: what attributes have to be.
    """
    kinds = {profile.attributes.get(KIND) for profile in known.values()}
    fitting, others = [], {}
    for device, profile in sorted(known.items()):
        kind = profile.attributes.get(KIND)
        missing = [name for name in features if name not in profile.features]
        if differing := _differing(profile.attributes, where or {}):
            others[device] = differing
        elif profile.features and missing:
            others[device] = f"it measures no {', '.join(missing)}"
        elif model in kinds and kind not in (None, model):
            others[device] = f"its kind is {kind}"
        else:
            fitting.append(device)
    return fitting, others


def _differing(attributes: Mapping[str, str], where: Mapping[str, str]) -> str:
    for name, pattern in where.items():
        value = attributes.get(name)
        if value is None:
            return f"it has no {name}"
        if not fnmatchcase(value, pattern):
            return f"its {name} is {value}"
    return ""
