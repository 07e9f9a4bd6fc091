"""The agent over a real broker: what is measured arrives, or is accounted for, whatever happens."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineal_edge.agent import Agent
from lineal_edge.interfaces import ScorerContext
from lineal_edge.outbox import Outbox
from lineal_edge.reading import Reading
from lineal_edge.settings import Settings
from lineal_edge.sources.simulator import Simulator
from lineal_edge.sources.source import SourceCounts
from lineal_local.mosquitto import Mosquitto
from lineal_schemas import mqtt_topics
from lineal_schemas.anomalies import AnomalyAnswered, AnomalyOpened
from lineal_schemas.deployments import JobNotice, JobReply
from lineal_schemas.ids import anomaly_id
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import DeviceBirth, DeviceDeath
from tests.edge.listener import Listener
from tests.edge.sources_for_tests import Counting
from tests.services.missing import skipped_when_unavailable


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with skipped_when_unavailable(), Mosquitto(settings=["max_inflight_messages 100"]) as broker:
        yield broker


def make_settings(folder: Path, port: int, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "device": "pump-1",
            "data": folder,
            "source": {"kind": "simulator"},
            "broker": {"host": "127.0.0.1", "port": port, "will_delay": 0},
            "publishing": {"wait": 0.1, "backoff_first": 0.05, "backoff_max": 0.2},
            "outbox": {"commit_seconds": 0.05},
            "scoring": {"enabled": False},
            "update": {"enabled": False},
            **more,
        }
    )


@pytest.fixture
def started() -> Iterator[list[Agent]]:
    """Agents started here are stopped, whatever the test does."""
    agents: list[Agent] = []
    yield agents
    for agent in agents:
        agent.stop()


def boot_of(agent: Agent) -> tuple[str, str]:
    return agent.outbox.device, agent.outbox.boot_id


def wait_until(condition: Any, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_every_reading_arrives_in_order_and_leaves_the_outbox(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(5000))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 5000)
        assert listener.values[boot_of(agent)] == {n: (float(n),) for n in range(1, 5001)}
        assert listener.holes == []
        wait_until(lambda: agent.outbox.waiting_rows == 0)
        assert max(batch.count for batch in listener.batches) <= 100


def test_nothing_leaves_the_outbox_on_the_brokers_word_alone(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    """PUBACK is not durability: only the bridge's acknowledgement is."""
    with Listener(broker.port, acknowledging=False) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(100))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 100)
        assert agent.outbox.waiting_rows == 100
        listener.acknowledge(boot_of(agent))
        wait_until(lambda: agent.outbox.waiting_rows == 0)


def test_what_is_not_acknowledged_is_bounded_by_the_window(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(
        tmp_path,
        broker.port,
        publishing={"in_flight": 5, "batch_rows": 10, "backlog_rows": 10, "wait": 0.05},
    )
    with Listener(broker.port, acknowledging=False) as listener:
        agent = Agent(settings, source=Counting(1000))
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        listener.wait(lambda: listener.received(boot) == 50)
        wait_until(lambda: agent.outbox.waiting_rows == 1000)
        assert listener.received(boot) == 50
        listener.acknowledging = True
        listener.acknowledge(boot)
        listener.wait(lambda: listener.received(boot) == 1000)


def test_a_bridge_that_lost_its_messages_gets_them_again(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(tmp_path, broker.port, publishing={"wait": 0.05, "resend_after": 0.3})
    agent = Agent(settings, source=Counting(60))
    started.append(agent)
    with Listener(broker.port, acknowledging=False) as forgetful:
        agent.start()
        forgetful.wait(lambda: forgetful.received(boot_of(agent)) == 60)
    with Listener(broker.port) as listener:
        listener.wait(lambda: listener.received(boot_of(agent)) == 60)
        assert listener.holes == []


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    # who comes back first is chance: what nobody was there to hear is sent again
    settings = make_settings(
        tmp_path,
        broker.port,
        publishing={"wait": 0.1, "resend_after": 0.5, "backoff_first": 0.05, "backoff_max": 0.2},
    )
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(3000, rate=1500))
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        listener.wait(lambda: listener.received(boot) > 200)
        broker.kill()
        wait_until(lambda: agent.sampler.sampled > 2000)
        broker.restart()
        listener.wait(lambda: listener.received(boot) == 3000)
        assert listener.values[boot] == {n: (float(n),) for n in range(1, 3001)}
        wait_until(lambda: agent.outbox.waiting_rows == 0)


def test_what_the_broker_lost_on_the_way_is_sent_again_at_once(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port, acknowledging=False) as deaf:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(2000, rate=1000))
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        deaf.wait(lambda: deaf.received(boot) > 100)
    with Listener(broker.port) as listener:
        listener.wait(lambda: listener.received(boot) == 2000)
        assert listener.values[boot] == {n: (float(n),) for n in range(1, 2001)}
        assert listener.holes != []


def test_a_gap_the_device_has_nothing_for_is_stated(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    """A bridge that forgot what it had acknowledged asks for what is gone."""
    source = Counting(600, rate=200)
    with Listener(broker.port) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=source)
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        listener.wait(lambda: listener.received(boot) > 200)
    with Listener(broker.port) as forgetful:
        forgetful.wait(lambda: forgetful.received(boot) == 600)
        assert set(forgetful.lost[boot].values()) == {"unexplained"}
        gone = len(forgetful.lost[boot])
        assert sorted(forgetful.lost[boot]) == list(range(1, gone + 1))
        assert sorted(forgetful.values[boot]) == list(range(gone + 1, 601))


def test_a_device_without_a_broker_keeps_everything_for_the_next_run(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    offline = Agent(make_settings(tmp_path, 9), source=Counting(500))
    assert offline.run() == 0
    with Listener(broker.port) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(10))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 10)
        assert listener.received(boot_of(offline)) == 500
        assert listener.holes == []
        birth = next(one for one in listener.states if isinstance(one, DeviceBirth))
        assert birth.previous is not None
        assert birth.previous.boot_id == offline.outbox.boot_id
        assert birth.previous.last_seq == 500


def test_a_birth_is_retained_and_says_what_runs(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(tmp_path, broker.port)
    agent = Agent(settings, source=Counting())
    started.append(agent)
    agent.start()
    wait_until(lambda: agent.publisher.connected)
    with Listener(broker.port) as late:
        late.wait(lambda: late.states)
        [birth] = late.states
        assert isinstance(birth, DeviceBirth)
        assert birth.boot_id == agent.outbox.boot_id
        assert birth.config_digest == settings.digest()
        assert birth.features == ("n",)


def test_a_stopped_agent_says_goodbye_and_a_lost_one_is_declared_dead(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(rate=10))
        agent.start()
        listener.wait(lambda: listener.states)
        agent.stop()
        listener.wait(lambda: isinstance(listener.states[-1], DeviceDeath))
        assert listener.states[-1].reason == "stopped"  # type: ignore[union-attr]

        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(rate=10))
        agent.start()
        listener.wait(lambda: isinstance(listener.states[-1], DeviceBirth))
        connection = agent.publisher._connection
        assert connection is not None
        connection.close()  # the wire is cut: no goodbye
        listener.wait(
            lambda: any(
                isinstance(one, DeviceDeath) and one.reason == "lost" for one in listener.states
            )
        )
        listener.wait(lambda: isinstance(listener.states[-1], DeviceBirth))
        agent.stop()


class Strange:
    """What sensors do on bad days."""

    features = ("missing", "infinite", "constant", "huge")

    def __init__(self) -> None:
        self.counts = SourceCounts()

    def readings(self) -> Iterator[tuple[float, ...]]:
        for n in range(100):
            yield (math.nan, math.inf if n % 2 else -math.inf, 1.0, 1.7e308)

    def close(self) -> None: ...


def test_missing_infinite_constant_and_huge_values_arrive(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Strange())
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 100)
        assert set(listener.values[boot_of(agent)].values()) == {(None, None, 1.0, 1.7e308)}


class JumpingClock:
    """A wall clock that is set while the agent runs: a device without a battery learns the time."""

    def __init__(self) -> None:
        self.now = 0

    def monotonic_us(self) -> int:
        self.now += 50_000
        return self.now

    def wall_us(self) -> int:
        if self.now < 5_000_000:
            return self.now
        jump = -10_000_000 if self.now > 8_000_000 else 0
        return 1_800_000_000_000_000 + self.now + jump


def test_a_clock_that_is_set_forth_and_back_costs_no_reading_and_mixes_no_times(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port) as listener:
        agent = Agent(
            make_settings(tmp_path, broker.port), source=Counting(400), clock=JumpingClock()
        )
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 400)
        assert listener.holes == []
        monotonic = [
            batch.monotonic_us + offset for batch in listener.batches for offset in batch.offsets_us
        ]
        assert monotonic == sorted(monotonic)
        off = {round((batch.wall_us - batch.monotonic_us) / 1e6) for batch in listener.batches}
        assert off == {0, 1_800_000_000, 1_799_999_990}


def test_messages_are_no_larger_than_the_broker_takes(tmp_path: Path, started: list[Agent]) -> None:
    with (
        skipped_when_unavailable(),
        Mosquitto(settings=["max_packet_size 3000", "max_inflight_messages 5"]) as small,
        Listener(small.port) as listener,
    ):
        agent = Agent(make_settings(tmp_path, small.port), source=Counting(2000))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 2000)
        assert listener.holes == []
        assert len(listener.states) == 1  # the broker never hung up


class Scorer:
    """Finds an anomaly in every hundredth reading, and has a switch to be slow or broken."""

    model = ModelRef(name="test", version=1, sha256="0" * 64)

    def __init__(self, context: ScorerContext) -> None:
        self.context = context
        self.seen: list[int] = []
        self.voids: list[tuple[int, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.scored_windows = 0

    def observe(self, reading: Reading) -> list[AnomalyOpened]:
        self.gate.wait(60)
        if self.broken:
            raise RuntimeError("the model has crashed")
        self.seen.append(reading.seq)
        self.scored_windows += 1
        if reading.seq % 100:
            return []
        return [
            AnomalyOpened(
                anomaly_id=anomaly_id(
                    self.context.device, self.model.sha256, self.context.boot_id, reading.seq
                ),
                device=self.context.device,
                detector="device",
                model=self.model,
                threshold=1.0,
                boot_id=self.context.boot_id,
                first_seq=reading.seq,
                last_seq=reading.seq,
                wall_us=reading.wall_us,
                score=2.0,
                contributions=(),
            )
        ]

    def answered(self, answer: AnomalyAnswered) -> None:
        pass

    def kept(self, reading: Reading) -> None:
        pass

    def skipped(self, first_seq: int, last_seq: int) -> list[AnomalyOpened]:
        self.voids.append((first_seq, last_seq))
        return []

    def models(self) -> tuple[ModelRef, ...]:
        return (self.model,)


def test_anomalies_found_on_the_device_arrive_numbered(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(tmp_path, broker.port, scoring={"enabled": True})
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(1000), make_scorer=Scorer)
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        listener.wait(lambda: len(listener.events[boot]) == 10)
        assert sorted(listener.events[boot]) == list(range(1, 11))
        found = [AnomalyOpened.model_validate(e.data) for e in listener.events[boot].values()]
        assert sorted(anomaly.first_seq for anomaly in found) == list(range(100, 1001, 100))
        wait_until(lambda: agent.outbox.events_after(0, 1) == [])


def test_a_scorer_that_hangs_holds_up_neither_sampling_nor_sending(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(tmp_path, broker.port, scoring={"enabled": True, "queue": 50})
    scorers: list[Scorer] = []

    def make(context: ScorerContext) -> Scorer:
        scorers.append(Scorer(context))
        scorers[0].gate.clear()
        return scorers[0]

    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(2000), make_scorer=make)
        started.append(agent)
        agent.start()
        listener.wait(lambda: len(listener.values[boot_of(agent)]) == 2000)
        scorers[0].gate.set()
        wait_until(lambda: scorers[0].voids)
        lost = sum(last - first + 1 for first, last in scorers[0].voids)
        assert len(scorers[0].seen) + lost == 2000
        assert lost >= 1900
        assert agent.health().scoring_skipped == lost


def test_a_model_that_crashes_ends_nothing(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(tmp_path, broker.port, scoring={"enabled": True})
    scorers: list[Scorer] = []

    def make(context: ScorerContext) -> Scorer:
        scorers.append(Scorer(context))
        scorers[0].broken = True
        return scorers[0]

    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(300), make_scorer=make)
        started.append(agent)
        agent.start()
        listener.wait(lambda: len(listener.values[boot_of(agent)]) == 300)
        wait_until(lambda: len(scorers[0].voids) == 300)


def test_an_agent_with_everything_on_and_no_model_yet_delivers(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(
        tmp_path, broker.port, scoring={"enabled": True}, update={"enabled": True}
    )
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Simulator(1, rate=200))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) > 100)
        assert agent.health().models == ()
        assert agent.health().scoring_skipped == 0


class Updater:
    def __init__(self) -> None:
        self.notices: list[JobNotice] = []
        self.replies: list[JobReply] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def on_notice(self, notice: JobNotice) -> None:
        self.notices.append(notice)

    root_version = None

    def on_reply(self, reply: JobReply) -> None:
        self.replies.append(reply)


def test_jobs_and_replies_reach_the_updater_and_rubbish_does_not(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    updater = Updater()
    settings = make_settings(
        tmp_path, broker.port, scoring={"enabled": True}, update={"enabled": True}
    )
    agent = Agent(
        settings, source=Counting(rate=10), make_scorer=Scorer, make_updater=lambda _: updater
    )
    started.append(agent)
    agent.start()
    with Listener(broker.port) as listener:
        listener.wait(lambda: listener.states)
        reply = JobReply(job_id="j", accepted=True, version=2, state="DOWNLOADED")
        for rubbish in (b"", b"{", b'{"accepted": "perhaps"}', b"\xff" * 1000, b"[]"):
            listener.publish(mqtt_topics.jobs_update_reply("pump-1"), rubbish)
            listener.publish(mqtt_topics.ack("pump-1"), rubbish)
        listener.publish(mqtt_topics.jobs_notify("pump-1"), JobNotice().model_dump_json().encode())
        listener.publish(mqtt_topics.jobs_update_reply("pump-1"), reply.model_dump_json().encode())
        wait_until(lambda: updater.replies == [reply])
        assert updater.notices == [JobNotice()]
        assert agent.publisher.alive


def test_an_acknowledgement_of_another_device_or_boot_has_no_effect(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    with Listener(broker.port, acknowledging=False) as listener:
        agent = Agent(make_settings(tmp_path, broker.port), source=Counting(50))
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        listener.wait(lambda: listener.received(boot) == 50)
        for device, boot_id in (("pump-2", boot[1]), ("pump-1", "f" * 32)):
            body = {"device": device, "boot_id": boot_id, "upto_seq": 50, "upto_event": 9}
            listener.publish(mqtt_topics.ack("pump-1"), json.dumps(body).encode())
        listener.upto[boot] = 20
        listener.acknowledge(boot)
        wait_until(lambda: agent.outbox.waiting_rows == 30)


def test_health_tells_the_counters(tmp_path: Path, broker: Mosquitto, started: list[Agent]) -> None:
    settings = make_settings(tmp_path, broker.port, health_seconds=0.2)
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(rate=100))
        threading.Thread(target=agent.run, daemon=True).start()
        listener.wait(lambda: listener.health)
        agent.request_stop()
        assert listener.health[-1].sampled > 0
        listener.wait(lambda: isinstance(listener.states[-1], DeviceDeath))


def test_a_device_speaks_to_brokers_of_the_old_protocol(
    tmp_path: Path, broker: Mosquitto, started: list[Agent]
) -> None:
    settings = make_settings(
        tmp_path, broker.port, broker={"host": "127.0.0.1", "port": broker.port, "protocol": 4}
    )
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(200))
        started.append(agent)
        agent.start()
        listener.wait(lambda: listener.received(boot_of(agent)) == 200)


def test_a_disk_that_fails_for_a_while_is_accounted_for_to_the_last_reading(
    tmp_path: Path, broker: Mosquitto, started: list[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    settings = make_settings(tmp_path, broker.port, outbox={"queue": 200, "commit_seconds": 0.02})
    failing = threading.Event()
    failing.set()
    real = Outbox.append

    def append(self: Outbox, items: Any) -> None:
        if failing.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        real(self, items)

    monkeypatch.setattr(Outbox, "append", append)
    with Listener(broker.port) as listener:
        agent = Agent(settings, source=Counting(3000, rate=3000))
        started.append(agent)
        agent.start()
        boot = boot_of(agent)
        wait_until(lambda: agent.sampler.sampled > 1500)
        failing.clear()
        listener.wait(lambda: listener.received(boot) == 3000)
        assert listener.holes == []
        assert set(listener.lost[boot].values()) == {"queue_full"}
        assert len(listener.lost[boot]) == agent.health().dropped
        assert all(value == (float(n),) for n, value in listener.values[boot].items())
