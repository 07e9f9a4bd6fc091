"""Spans reach a collector over OTLP, connected as the events' traceparents say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from lineal import Context, Reject, stage
from lineal.bus.topic_names import dead_letter_topic
from lineal.library import open_bus
from lineal_schemas.payload import Payload
from tests.observability.otlp_receiver import OtlpReceiver, attributes


class Ordered(Payload, type="otlp.ordered", version=1):
    order: str

    def correlation_key(self) -> str:
        return f"order:{self.order}"


class Paid(Payload, type="otlp.paid", version=1):
    order: str


class Totalled(Payload, type="otlp.totalled", version=1):
    order: str


@stage("otlp.pay", version="1", produces=Paid)
async def pay(order: Ordered, ctx: Context) -> Paid:
    if order.order == "bad":
        raise Reject("there is no such order")
    return Paid(order=order.order)


@stage("otlp.total", version="1", produces=Totalled, batch=50)
async def total(paid: Sequence[Paid], ctx: Context) -> list[Totalled]:
    return [Totalled(order=item.order) for item in paid]


async def run(data: Path, collector: str, *orders: str, **tracing: Any) -> None:
    options: dict[str, Any] = {}
    if collector:
        options["tracing"] = {"endpoint": collector, **tracing}
    async with open_bus(data=data, port=0, log={"enabled": False}, **options) as bus:
        await bus.publish(*(Ordered(order=order) for order in orders))
        ends = dead_letter_topic(pay.name) if orders == ("bad",) else Totalled.type
        async with bus.run(pay, total), asyncio.timeout(180):
            reading = bus.runtime.bus.read(ends, follow=True)
            for _ in orders:
                await anext(reading)


async def test_a_trace_goes_from_publication_through_steps(tmp_path: Path) -> None:
    with OtlpReceiver() as collector:
        await run(tmp_path, collector.url, "a")
    (ordered,) = collector.named("publish otlp.ordered")
    (payment,) = collector.named("process otlp.pay")
    (paid,) = collector.named("publish otlp.paid")
    (totalling,) = collector.named("process otlp.total")
    (totalled,) = collector.named("publish otlp.totalled")
    chain = [ordered, payment, paid, totalling, totalled]
    assert not ordered.parent_span_id
    assert [span.parent_span_id for span in chain[1:]] == [span.span_id for span in chain[:-1]]
    assert len({span.trace_id for span in chain}) == 1
    assert [span.kind for span in chain] == [4, 5, 4, 5, 4]  # PRODUCER, CONSUMER, ...
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in chain)
    said = attributes(payment)
    assert said["messaging.system"] == "lineal"
    assert said["messaging.operation.type"] == "process"
    assert said["messaging.destination.name"] == "otlp.ordered"
    assert said["messaging.consumer.group.name"] == "otlp.pay"
    assert said["messaging.message.conversation_id"] == "order:a"
    assert said["cloudevents.event_type"] == "otlp.ordered"
    assert said["lineal.outcome"] == "done"
    assert attributes(ordered)["messaging.operation.type"] == "send"
    assert {r["service.name"] for r in collector.resources} == {"lineal"}


async def test_commits_and_calls_of_batches_are_linked_to_their_events(tmp_path: Path) -> None:
    orders = [f"o{n}" for n in range(20)]
    with OtlpReceiver() as collector:
        await run(tmp_path, collector.url, *orders)
    paid = {span.span_id: span.trace_id for span in collector.named("publish otlp.paid")}
    assert len(paid) == len(set(paid.values())) == 20
    commits = collector.named("commit otlp.total")
    assert {link.span_id for span in commits for link in span.links} == set(paid)
    assert sum(attributes(span)["messaging.batch.message_count"] for span in commits) == 20
    spans = collector.named("process otlp.total")
    calls = {span.span_id: span for span in spans if not span.parent_span_id}
    steps = [span for span in spans if span.parent_span_id]
    assert {paid[span.parent_span_id] for span in steps} == set(paid.values())
    for call in calls.values():
        own = [step for step in steps if any(li.span_id == call.span_id for li in step.links)]
        assert {li.span_id for li in call.links} == {step.parent_span_id for step in own}
        assert attributes(call)["messaging.batch.message_count"] == len(own) > 1


async def test_a_failure_is_said_without_its_text(tmp_path: Path) -> None:
    with OtlpReceiver() as collector:
        await run(tmp_path, collector.url, "bad")
    (failed,) = collector.named("process otlp.pay")
    assert failed.status.code == 2  # ERROR
    assert attributes(failed)["error.type"] == "Reject"
    assert "no such order" not in str(failed)
    (letter,) = collector.named(f"publish {dead_letter_topic(pay.name)}")
    assert letter.trace_id == failed.trace_id


async def test_the_programs_own_span_is_the_parent(tmp_path: Path) -> None:
    tracer = TracerProvider().get_tracer("shop")
    with OtlpReceiver() as collector:
        with tracer.start_as_current_span("POST /orders") as span:
            await run(tmp_path, collector.url, "a")
        context = span.get_span_context()
    assert trace.get_current_span().get_span_context().is_valid is False
    (ordered,) = collector.named("publish otlp.ordered")
    (payment,) = collector.named("process otlp.pay")
    assert ordered.trace_id == payment.trace_id == context.trace_id.to_bytes(16)
    assert ordered.parent_span_id == context.span_id.to_bytes(8)
    assert payment.parent_span_id == ordered.span_id


async def test_a_ratio_takes_whole_traces(tmp_path: Path) -> None:
    with OtlpReceiver() as collector:
        await run(tmp_path, collector.url, *(f"o{n}" for n in range(20)), sample_ratio=0.5)
    spans = [span for span in collector.spans if span.parent_span_id]
    kept = {span.trace_id for span in collector.named("publish otlp.ordered")}
    assert 0 < len(kept) < 20
    assert {span.trace_id for span in spans} == kept


async def test_the_variables_of_opentelemetry_turn_it_on_and_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OtlpReceiver() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
        await run(tmp_path / "on", "", "a")
        assert {r["service.name"] for r in collector.resources} == {"shop"}
        exported = len(collector.spans)
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        await run(tmp_path / "off", "", "a")
        assert len(collector.spans) == exported > 0


async def test_a_collector_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    with OtlpReceiver() as gone:
        pass
    await run(tmp_path, gone.url, "a")


def test_nothing_is_imported_when_it_is_off(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from lineal.library import open_bus\n"
        "async def main():\n"
        f"    async with open_bus(data={str(tmp_path)!r}):\n"
        "        pass\n"
        "asyncio.run(main())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.strip() == "[]", ended.stderr
