"""Logs: for people on a terminal, as JSON lines otherwise; always on standard error, so that
standard output holds answers only."""

from __future__ import annotations

import atexit
import logging
import sys
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import Processor

from lineal.observability.background_output import BackgroundOutput
from lineal.observability.current_event import add_current_event
from lineal.observability.duplicate_filter import DuplicateLogFilter

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]


def configure_logging(
    level: Level = "info", format: Format = "auto", *, daemon: bool = False
) -> None:
    """Set up structlog, and send the standard library's logs (of libraries) through it.

    What is bound in context variables (the stage, event and correlation id) is part of every line.
    Repeated lines are dropped (:mod:`lineal.observability.duplicate_filter`). A ``daemon`` does not
    wait for whoever reads its log: what they leave unread is dropped.
    """
    for_people = format == "console" or (format == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_current_event,
        structlog.processors.add_log_level,
        DuplicateLogFilter(),
        structlog.processors.StackInfoRenderer(),
    ]
    if for_people:
        processors += [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    else:
        processors += [
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_background() if daemon else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_ToStructlog()], force=True)


def _background() -> structlog.WriteLoggerFactory:
    output = BackgroundOutput(sys.stderr.fileno())
    atexit.register(output.close)
    return structlog.WriteLoggerFactory(cast("TextIO", output))


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
