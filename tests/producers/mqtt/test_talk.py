"""People at devices talk over MQTT: each as the device that they are at, and each is replied to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from lineal.errors import WrongConfiguration
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_local.mosquitto import Mosquitto
from lineal_producers.mqtt.bridge import Bridge
from lineal_producers.mqtt.settings import MqttSettings
from lineal_schemas.conversations import UtteranceReceived, UtteranceReplied
from tests.consumers.conversation.surgery import DIALOGUE, FILE
from tests.lineal_process import LinealProcess
from tests.producers.mqtt.device_double import DeviceDouble
from tests.producers.mqtt.system import BridgeProcess


@pytest.fixture
def talking(bridge: BridgeProcess) -> Iterator[BridgeProcess]:
    """A bridge, and a process with the stage that replies; started both."""
    _allow(bridge, f'[stages.conversation]\nfolder = "{FILE.parent}"\n')
    bridge.start()
    with (bridge.folder / "stage.log").open("wb") as log:
        stage = LinealProcess[bytes](
            ["run", "conversation", "--port", "0"],
            cwd=bridge.folder,
            stdout=log,
            stderr=log,
        )
        try:
            yield bridge
        finally:
            stage.kill()
            stage.wait()


def _allow(bridge: BridgeProcess, more: str = "") -> None:
    bridge.ask("user", "add", "kiosks", "reader", "--no-password")
    (bridge.folder / "lineal.toml").write_text(f'[mqtt]\ntalk_as = "kiosks"\n{more}')


def _device(broker: Mosquitto, name: str) -> DeviceDouble:
    return DeviceDouble(
        broker.tls_port, name, identity=broker.client(name), ca=broker.ca_file, host="localhost"
    )


def _said(number: int, text: str, **more: str) -> bytes:
    return orjson.dumps({"message_id": f"m{number}", "dialogue": DIALOGUE, "text": text, **more})


def _reply(device: DeviceDouble) -> dict[str, Any]:
    message = device.received.get(timeout=180)
    assert message.topic == f"lineal/v1/{device.name}/talk/reply"
    found: dict[str, Any] = orjson.loads(message.payload)
    return found


def test_a_conversation_over_mqtt_goes_on_after_the_bridge_was_killed(
    broker: Mosquitto, talking: BridgeProcess
) -> None:
    with _device(broker, "kiosk-1") as kiosk, _device(broker, "kiosk-2") as other:
        kiosk.say(_said(1, "book an appointment with Dr Chen"), "talk")
        first = _reply(kiosk)
        assert (first["message_id"], first["dialogue"], first["speaker"]) == ("m1", DIALOGUE, None)
        assert first["expects"] == "day"

        talking.kill()
        kiosk.say(_said(1, "book an appointment with Dr Chen"), "talk")  # sent again
        kiosk.say(_said(2, "2027-03-05"), "talk")
        kiosk.say(_said(3, "when are you open", speaker="ann"), "talk")
        talking.start()
        replies = {"m1": first}
        while not {"m2", "m3"} <= replies.keys():
            found = _reply(kiosk)  # the first may come again, and is the same then
            assert replies.setdefault(found["message_id"], found) == found
        assert replies["m2"]["expects"] == "reason"  # of the same conversation
        assert replies["m3"]["speaker"] == "ann"  # of another one
        assert other.received.empty()
    events = [orjson.loads(data) for data in talking.events(UtteranceReceived.type)]
    assert {event["person"] for event in events} == {"device:kiosk-1", "device:kiosk-1/ann"}
    assert talking.count(UtteranceReplied.type) == 3


def test_what_is_no_utterance_is_a_dead_letter_and_nobody_is_spoken_for(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    _allow(bridge)
    bridge.start()
    with _device(broker, "kiosk-1") as kiosk:
        for wrong in (
            _said(1, ""), _said(2, "hello", person="user:ann"), _said(3, "hi", speaker="a/b"),
            b"hello",
        ):  # fmt: skip
            kiosk.say(wrong, "talk")
        kiosk.say(_said(4, "hello"), "talk")
        bridge.until(lambda: bridge.count(UtteranceReceived.type))
    assert bridge.ids(UtteranceReceived.type) == ["talk:kiosk-1:m4"]
    letters = [orjson.loads(data) for data in bridge.events("dead.bridge")]
    assert [letter["error_class"] for letter in letters] == ["Malformed"] * 4


def test_devices_talk_only_where_a_user_is_named_for_them(
    broker: Mosquitto, bridge: BridgeProcess
) -> None:
    bridge.start()
    with _device(broker, "kiosk-1") as kiosk:
        kiosk.say(_said(1, "hello"), "talk")
        bridge.until(lambda: bridge.count("dead.bridge"))
    (letter,) = [orjson.loads(data) for data in bridge.events("dead.bridge")]
    assert letter["error_class"] == "NotAllowed"
    assert bridge.count(UtteranceReceived.type) == 0


async def test_devices_do_not_talk_as_a_user_who_does_not_exist(tmp_path: Path) -> None:
    mqtt = MqttSettings(url="mqtt://127.0.0.1:1", talk_as="kiosk")
    settings = Settings(data=tmp_path / "data").with_section(mqtt)
    async with open_runtime(settings) as runtime:
        with pytest.raises(WrongConfiguration, match=r"no user 'kiosk'.*lineal user add kiosk"):
            await Bridge(runtime).run()
