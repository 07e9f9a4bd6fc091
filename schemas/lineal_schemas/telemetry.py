"""Payloads of devices: readings, gaps, births, deaths, health.

A device counts its readings from 1 since its agent started (the *boot*) and sends them in order.
The readings stream covers 1, 2, 3, ... without a hole: what could not be kept is replaced by a
:class:`TelemetryGap`, so everything that was measured is either there or accounted for. Events that
are not readings (anomalies, job updates) are counted apart, from 1 as well.

Two clocks are told: the monotonic one (microseconds since the machine started; it never jumps) and
the wall clock (microseconds since the Unix epoch; a device without a battery may be years off).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from lineal_schemas.ids import device_event_id, device_session_id, telemetry_id
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.payload import Labels, Payload, payload_bytes

LARGEST_INTEGER = 2**63 - 1
"""Of what devices count: databases and JSON parsers take no larger one."""

DeviceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A device's name: one level of an MQTT topic, the common name of its certificate."""

BootId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Random, new at each start of the agent."""

Seq = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
"""Position of a reading (or event) in its stream since the agent started, from 1."""

Micros = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
"""Microseconds."""

Value = Annotated[float, Field(allow_inf_nan=False)] | None
"""A measured value; None where there is none: not delivered, not a number, or infinite."""

MAX_ROWS = 1000
MAX_FEATURES = 256

TURBINE_FIELDS = (
    "millis", "freemem", "rps", "wind_speed_rps", "voltage", "qw", "qx", "qy", "qz",
    "gx", "gy", "gz", "ax", "ay", "az",
    "gearboxtemp", "ambtemp", "humidity", "pressure", "gas",
)  # fmt: skip
"""The 20 comma-separated fields of one line of the turbine's serial port, in order."""

TURBINE_FEATURES = ("roll", "pitch", "yaw", "wind_speed_rps", "rps", "voltage")
"""What a turbine's readings hold: Euler angles in radians of the quaternion (roll about x, pitch
about y, yaw about z), rotations a second of the wind sensor and the rotor, volts."""


class TelemetryEvent(Payload):
    """What all events of one device have in common."""

    device: DeviceId

    def partition_key(self) -> str:
        return self.device

    def correlation_key(self) -> str:
        return f"device:{self.device}"


class _ReadingsRange(TelemetryEvent):
    """A stretch of a device's readings stream."""

    boot_id: BootId
    first_seq: Seq
    last_seq: Seq

    @model_validator(mode="after")
    def _is_in_order(self: S) -> S:
        if self.last_seq < self.first_seq:
            raise ValueError("last_seq is before first_seq")
        return self

    @property
    def count(self) -> int:
        """How many readings it covers."""
        return self.last_seq - self.first_seq + 1

    @property
    def event_id(self) -> str:
        """The derived id of the event that carries it: a repeated message has the same one."""
        return telemetry_id(self.device, self.boot_id, self.first_seq, self.last_seq)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the payload as JSON: what the ledger and dataset manifests call it."""
        return sha256(payload_bytes(self)).hexdigest()


S = TypeVar("S", bound=_ReadingsRange)


class TelemetryReadings(_ReadingsRange, type="telemetry.readings", version=1):
    """A batch of consecutive readings of one device: row ``i`` is reading ``first_seq + i``."""

    kind: Literal["readings"] = "readings"
    monotonic_us: Micros
    """Monotonic clock at the first reading."""
    wall_us: Micros
    """Wall clock at the first reading. A batch ends where the wall clock jumps."""
    features: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_FEATURES)]
    """Names of the columns of ``values``."""
    offsets_us: Annotated[tuple[Micros, ...], Field(min_length=1, max_length=MAX_ROWS)]
    """Per reading, microseconds by the monotonic clock since the first."""
    values: Annotated[tuple[tuple[Value, ...], ...], Field(min_length=1, max_length=MAX_ROWS)]
    """Rows × features, each in the unit of its sensor."""

    model_config = ConfigDict(ser_json_inf_nan="null")

    @model_validator(mode="after")
    def _is_rectangular(self) -> TelemetryReadings:
        if len(self.values) != self.count or len(self.offsets_us) != self.count:
            raise ValueError(
                f"{self.count} readings are announced, with {len(self.values)} rows and "
                f"{len(self.offsets_us)} offsets"
            )
        if set(map(len, self.values)) != {len(self.features)}:
            raise ValueError(f"every row must have {len(self.features)} values")
        return self


class TelemetryGap(_ReadingsRange, type="telemetry.gap", version=1):
    """Readings that were measured, or counted, and are not there."""

    kind: Literal["gap"] = "gap"
    reason: Literal["queue_full", "disk_full", "damaged", "unexplained"]
    """``queue_full``: the device could not write fast enough; ``disk_full``: its outbox reached its
    cap; ``damaged``: rows of the outbox cannot be read; ``unexplained``: a number is
    missing, and the device has nothing in its place."""
    found_by: Literal["device", "bridge"] = "device"
    wall_us: Micros
    """Wall clock when the loss was noticed."""


class CollectedBatch(BaseModel):
    """One batch in a collected block."""

    model_config = ConfigDict(frozen=True)

    digest: Sha256
    """Of the batch's payload, as :attr:`TelemetryReadings.digest`."""
    first_seq: Seq
    last_seq: Seq
    wall_us: Micros


class TelemetryCollected(TelemetryEvent, type="telemetry.collected", version=1):
    """Batches of one device and boot have been put together in one object, to learn from."""

    boot_id: BootId
    number: Annotated[int, Field(ge=1)]
    """The number of this block among those of the device."""
    features: tuple[str, ...]
    batches: Annotated[tuple[CollectedBatch, ...], Field(min_length=1)]
    content: ObjectRef
    """Gzipped, one batch a line: the payloads of the ``telemetry.readings``, byte for byte."""

    @property
    def rows(self) -> int:
        """How many readings it holds."""
        return sum(batch.last_seq - batch.first_seq + 1 for batch in self.batches)


StreamMessage = Annotated[
    TelemetryReadings | TelemetryGap,
    Field(discriminator="kind"),
]
_STREAM: TypeAdapter[TelemetryReadings | TelemetryGap] = TypeAdapter(StreamMessage)


def parse_stream_message(data: bytes) -> TelemetryReadings | TelemetryGap:
    """Read one message of a device's readings topic.

    Raises:
        pydantic.ValidationError: it is neither a batch nor a gap.
    """
    return _STREAM.validate_json(data)


class TelemetryAck(TelemetryEvent, type="telemetry.ack", version=1):
    """The acknowledgement of a device's stream; the device may delete what it covers.

    Cumulative: all readings up to ``upto_seq`` and all events up to ``upto_event`` of this boot;
    0 means none. Goes to the device only, never onto the bus.
    """

    boot_id: BootId
    upto_seq: Annotated[int, Field(ge=0)] = 0
    upto_event: Annotated[int, Field(ge=0)] = 0
    resend: bool = False
    """What came next was not the next number: everything behind these is to be sent again. The
    device fills a hole it has nothing for with a gap."""


class DeviceEvent(TelemetryEvent, type="device.event", version=1):
    """The wrapper in which an event that is not a reading leaves the device.

    The bridge puts what is inside onto the bus: the payload of type ``event_type``, under
    :attr:`event_id`. It is not an event of the bus itself.
    """

    boot_id: BootId
    event_seq: Seq
    event_type: str
    """``anomaly.opened``, ``deployment.job_updated``, ..."""
    event_version: Annotated[int, Field(ge=1)]
    wall_us: Micros
    data: dict[str, Any]
    """The payload of that type."""

    @property
    def event_id(self) -> str:
        return device_event_id(self.device, self.boot_id, self.event_seq)


class PreviousBoot(BaseModel):
    """Where the stream of the boot before this one ends: what came after it went with the power."""

    model_config = ConfigDict(frozen=True)

    boot_id: BootId
    last_seq: Annotated[int, Field(ge=0)]
    last_event: Annotated[int, Field(ge=0)]


class DeviceBirth(TelemetryEvent, type="device.birth", version=1):
    """A device is connected, and this is what runs on it. Retained by the broker."""

    kind: Literal["birth"] = "birth"
    boot_id: BootId
    session: Seq
    """The number of this connection within the boot."""
    monotonic_us: Micros
    wall_us: Micros
    agent_version: str
    agent_digest: Sha256
    """Of the agent's code."""
    config_digest: Sha256
    """Of its settings, without secrets."""
    models: tuple[ModelRef, ...] = ()
    """What scores on it."""
    features: tuple[str, ...] = ()
    previous: PreviousBoot | None = None
    certificate_expires_us: Micros | None = None
    """When its certificate expires; None without one."""
    root_version: Annotated[int, Field(ge=1)] | None = None
    """Of the root of trust that it checks packages by; None without one."""
    attributes: Labels = {}
    """What its settings say of it, as ``site`` and ``kind``: devices are grouped by it."""

    @property
    def event_id(self) -> str:
        return device_session_id(self.device, self.boot_id, self.session, self.kind)


class DeviceDeath(TelemetryEvent, type="device.death", version=1):
    """A connection has ended: said by the device, or by the broker as its last will."""

    kind: Literal["death"] = "death"
    boot_id: BootId
    session: Seq
    reason: Literal["stopped", "lost"]
    """``stopped`` is the agent's own goodbye, ``lost`` the last will."""

    @property
    def event_id(self) -> str:
        return device_session_id(self.device, self.boot_id, self.session, self.kind)


class DeviceCloned(TelemetryEvent, type="device.cloned", version=1):
    """Two agents say to be one device: a boot has come back after another one had taken its place,
    as no single agent's does. Somebody has copied its key."""

    boot_id: BootId
    """The one that came back."""
    other_boot_id: BootId
    """The one that was connected meanwhile."""
    times: Annotated[int, Field(ge=1)] = 1
    """How often that was seen."""

    @property
    def event_id(self) -> str:
        return device_session_id(self.device, self.boot_id, self.times, "cloned")


class DeviceRemoved(TelemetryEvent, type="device.removed", version=1):
    """A person takes a device out of the register. It comes back when it connects again."""

    by: str
    reason: str | None = None
    removed_us: Micros

    @property
    def event_id(self) -> str:
        return device_session_id(self.device, "0" * 32, self.removed_us, "removed")


DeviceState = Annotated[
    DeviceBirth | DeviceDeath,
    Field(discriminator="kind"),
]
_STATE: TypeAdapter[DeviceBirth | DeviceDeath] = TypeAdapter(DeviceState)


def parse_device_state(data: bytes) -> DeviceBirth | DeviceDeath:
    """Read one message of a device's status topic.

    Raises:
        pydantic.ValidationError: it is neither a birth nor a death.
    """
    return _STATE.validate_json(data)


class DeviceHealth(TelemetryEvent, type="device.health", version=1):
    """Counters of a running agent, each since its start; sent every minute or so, not kept."""

    boot_id: BootId
    monotonic_us: Micros
    wall_us: Micros
    sampled: Annotated[int, Field(ge=0)]
    """Readings taken, which is the newest sequence number."""
    bad_lines: Annotated[int, Field(ge=0)]
    """Lines of the source that could not be read as a reading."""
    reconnects: Annotated[int, Field(ge=0)]
    """Of the source (a serial port unplugged)."""
    dropped: Annotated[int, Field(ge=0)]
    """Readings lost and accounted for by gaps."""
    waiting_rows: Annotated[int, Field(ge=0)]
    """Readings in the outbox that the bus does not have yet."""
    outbox_bytes: Annotated[int, Field(ge=0)]
    """On disk."""
    scored_windows: Annotated[int, Field(ge=0)] = 0
    scoring_skipped: Annotated[int, Field(ge=0)] = 0
    """Readings the scorer did not see because it fell behind."""
    models: tuple[ModelRef, ...] = ()

    @property
    def event_id(self) -> str:
        return device_session_id(self.device, self.boot_id, self.monotonic_us + 1, "health")
