"""A test can capture what is logged, whatever an earlier test of the process has set up."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import LogCapture, capture_logs

from lineal.observability.logging import configure_logging


def test_what_is_logged_after_a_command_has_set_up_logs_can_be_captured() -> None:
    log = structlog.get_logger(__name__)
    configure_logging()
    log.warning("first")
    structlog.reset_defaults()
    with capture_logs() as logs:
        log.warning("second")
    assert [line["event"] for line in logs] == ["second"]


@pytest.fixture(scope="module")
def shared() -> None:
    """As a command does that a fixture of several tests calls, or benchmarks on their import."""
    configure_logging("error")


def test_a_shared_fixture_does_not_keep_warnings_from_tests(shared: None) -> None:
    capture = LogCapture()
    structlog.wrap_logger(structlog.PrintLogger(), processors=[capture]).warning("lost")
    assert [line["event"] for line in capture.entries] == ["lost"]
