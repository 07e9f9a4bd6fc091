"""The fleet: devices, their readings with anomalies, and a list of rollouts to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lineal.store.connection import Connection
from lineal_catalog.devices.marks import list_marks, mark_machine, withdraw_mark
from lineal_catalog.devices.register import Device, registered_devices
from lineal_console.device_curves import device_curves
from lineal_console.page import Page
from lineal_console.page_request import PageRequest
from lineal_consumers.deploy.rollout_list import find_all, find_rejected
from lineal_producers.mqtt.watermarks import device_watermarks
from lineal_schemas.envelope import now_us

FLEET = Page("fleet", "Fleet", section="models", order=20)
_SOURCE = "lineal:console/fleet"
_SHOWN = 500
_WINDOWS = (120, 600, 3600, 86400)


@FLEET.get()
async def fleet(request: PageRequest) -> Response:
    """All devices, or those whose name or attributes have some words in them, and rollouts."""
    words = request.query("q").casefold().split()

    def fits(device: Device) -> bool:
        said = " ".join([device.device, *map("=".join, device.attributes.items())]).casefold()
        return all(word in said for word in words)

    def look(connection: Connection) -> dict[str, Any]:
        devices = [device for device in registered_devices(connection) if fits(device)]
        return {
            "devices": devices[:_SHOWN],
            "more": len(devices) > _SHOWN,
            "watermarks": device_watermarks(connection, [item.device for item in devices[:_SHOWN]]),
            "rollouts": find_all(connection)[:50],
            "rejected": find_rejected(connection)[:50],
        }

    found = await request.runtime.store.read(look)
    return request.render("fleet.html", now=now_us(), text=request.query("q"), **found)


@FLEET.get("/devices/{device}")
async def device(request: PageRequest) -> Response:
    """One device."""
    name = request.path("device")
    found = await request.runtime.store.read(lambda c: registered_devices(c, name))
    if not found:
        raise request.missing(request.text("No device of this name has been connected."))
    marks = await list_marks(request.runtime, name)
    return request.render(
        "device.html",
        device=found[0],
        marks=marks,
        faults=sorted({mark.fault for mark in marks if mark.fault}),
        windows=_WINDOWS,
        seconds=request.number("seconds", 600, minimum=10, maximum=86400),
        now=now_us(),
    )


@FLEET.get("/devices/{device}/curves")
async def curves(request: PageRequest) -> Response:
    """Its readings as numbers, for the script that draws them."""
    since, until = _microseconds(request.query("from")), _microseconds(request.query("to"))
    if since is None or until is None:
        seconds = request.number("seconds", 600, minimum=10, maximum=_WINDOWS[-1])
        since, until = now_us() - seconds * 1_000_000, None
    return JSONResponse(await device_curves(request.runtime, request.path("device"), since, until))


def _microseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


@FLEET.post("/devices/{device}/marks", act="review")
async def mark(request: PageRequest) -> Response:
    """Say that it was normal for a time, or which fault it had."""
    form, name = await request.form(), request.path("device")
    try:
        begin, end = (
            int(
                datetime.fromisoformat(str(form.get(key, ""))).replace(tzinfo=UTC).timestamp() * 1e6
            )
            for key in ("from", "to")
        )
        await mark_machine(
            request.runtime, request.credential, _SOURCE, device=name, from_us=begin, to_us=end,
            fault=str(form.get("fault", "")).strip() or None,
        )  # fmt: skip
    except ValueError as error:
        raise HTTPException(400, "a time begins before it ends, and a fault has a name") from error
    return request.redirect(f"{FLEET.url}/devices/{name}", request.text("The time is marked."))


@FLEET.post("/devices/{device}/marks/withdraw", act="review")
async def take_mark_back(request: PageRequest) -> Response:
    """Take back what was said of a time."""
    name, mark_id = request.path("device"), str((await request.form()).get("mark", ""))
    await withdraw_mark(request.runtime, request.credential, _SOURCE, mark=mark_id)
    return request.redirect(f"{FLEET.url}/devices/{name}", request.text("It is taken back."))
