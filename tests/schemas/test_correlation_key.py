"""A payload says what its events are about; under the method's former name too, with a warning."""

from __future__ import annotations

import warnings

import pytest

from lineal_schemas import payload as registry
from lineal_schemas.envelope import first_event
from lineal_schemas.models import ModelEvent
from lineal_schemas.payload import Payload


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_latest", dict(registry._latest))


def test_it_is_the_subject_and_the_correlation_id() -> None:
    class OrderPlaced(Payload, type="test.order_placed", version=1):
        order: str

        def correlation_key(self) -> str:
            return f"order:{self.order}"

    event = first_event(OrderPlaced(order="x-1"), id="1", source="t")
    assert (event.subject, event.correlationid) == ("order:x-1", "order:x-1")


def test_the_former_name_of_the_method_still_counts() -> None:
    with pytest.warns(DeprecationWarning, match=r"OrderPlaced\.story\(\) is called") as warned:

        class OrderPlaced(Payload, type="test.order_placed", version=1):
            order: str

            def story(self) -> str:
                return f"order:{self.order}"

    assert warned[0].filename == __file__

    class OrderChanged(OrderPlaced, type="test.order_changed", version=1):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for payload in (OrderPlaced(order="x-1"), OrderChanged(order="x-1")):
            assert first_event(payload, id="1", source="t").correlationid == "order:x-1"


def test_the_former_name_can_still_be_called() -> None:
    with pytest.warns(DeprecationWarning):
        assert ModelEvent(name="pump").story() == "model:pump"


def test_a_method_of_the_former_name_may_call_the_one_it_overrides() -> None:
    with pytest.warns(DeprecationWarning):

        class PumpTuned(ModelEvent, type="test.pump_tuned", version=1):
            def story(self) -> str | None:
                return f"{super().story()}/tuned"

        assert PumpTuned(name="pump").correlation_key() == "model:pump/tuned"


@pytest.mark.filterwarnings("ignore:Field name:UserWarning")
def test_a_field_may_have_the_name() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=DeprecationWarning)

        class Tale(Payload, type="test.tale", version=1):
            story: str = "of a bus"  # type: ignore[assignment]

    assert Tale().correlation_key() is None
