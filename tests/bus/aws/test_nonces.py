"""What is published again on purpose is handled again, and nothing else is."""

from __future__ import annotations

from lineal.bus.aws.messages import Received
from lineal.bus.aws.nonces import Nonce, nonce_of_publication, nonces_of_outputs
from lineal.bus.protocol import Addressed, Position
from lineal_schemas.envelope import RawEvent
from tests.bus.aws.harness import AwsDone, AwsTask, done, task


def message(event: RawEvent, nonce: Nonce) -> Received:
    return Received("id", "receipt", "a", Position(AwsTask.type, 0, 0), event, nonce)


def output(cause: RawEvent, topic: str = AwsDone.type) -> Addressed:
    return topic, done(cause)


def test_an_output_carries_the_nonce_of_the_delivery_it_was_made_of() -> None:
    acked = [message(task(1), None), message(task(2), "x"), message(task(3), "y")]
    outputs = [output(task(3)), output(task(1)), output(task(2)), output(task(3), "other")]
    assert nonces_of_outputs(outputs, acked) == ["y", None, "x", "y"]


def test_nothing_published_again_no_nonce() -> None:
    acked = [message(task(1), None), message(task(2), None)]
    assert nonces_of_outputs([output(task(2)), output(task(9))], acked) == [None, None]


def test_an_event_delivered_under_two_nonces_has_outputs_under_both() -> None:
    acked = [message(task(1), None), message(task(1), "x")]
    assert nonces_of_outputs([output(task(1)), output(task(1))], acked) == [None, "x"]


def test_one_output_of_two_deliveries_has_a_nonce() -> None:
    for acked in (
        [message(task(1), None), message(task(1), "x")],
        [message(task(1), "x"), message(task(1), None)],
    ):
        assert nonces_of_outputs([output(task(1))], acked) == ["x"]


def test_an_output_of_an_unknown_cause_is_not_swallowed() -> None:
    one = [message(task(1), "x"), message(task(2), None)]
    assert nonces_of_outputs([output(task(9))], one) == ["x"]
    two = [message(task(1), "x"), message(task(2), "y")]
    (nonce,) = nonces_of_outputs([output(task(9))], two)
    assert nonce not in (None, "x", "y")
    assert nonces_of_outputs([output(task(9))], list(reversed(two))) == [nonce]


def test_a_second_try_to_publish_is_the_same_publication() -> None:
    event, again = done(task(1)), done(task(1))._replace(time=7)
    assert nonce_of_publication(AwsDone.type, task(1)) is None
    nonce = nonce_of_publication(AwsDone.type, event)
    assert nonce is not None and nonce == nonce_of_publication(AwsDone.type, event)
    assert nonce != nonce_of_publication(AwsDone.type, again), "a replay made it anew"


def test_each_redrive_is_another_publication() -> None:
    nonces = {nonce_of_publication("redrive.work", task(1)) for _ in range(5)}
    assert len(nonces) == 5 and None not in nonces
