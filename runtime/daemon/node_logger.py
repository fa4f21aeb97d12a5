"""The node's own loggers: structlog's for the standard library, but what they say goes to the root's handlers as it is.

A `LogRecord` on the way, with the search for its caller, would cost several times what the line does, and a busy node
writes a thousand lines a second on its event loop.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.daemon.log_sinks import LineHandler

_LEVELS = {
    "notset": logging.NOTSET,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}

_second: tuple[int, str] = (-1, "")


def _stamped(logger: WrappedLogger, name: str, record: EventDict) -> EventDict:
    """As structlog's own with "iso" and UTC, which asks the calendar for each line anew."""
    global _second  # noqa: PLW0603 - one clock; replaced whole, so that no thread sees a half of it
    now, micros = divmod(time.time_ns() // 1000, 1_000_000)
    second, said = _second
    if now != second:
        said = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        _second = now, said
    record["timestamp"] = f"{said}.{micros:06d}Z"
    return record


_RARE: tuple[tuple[str, Processor], ...] = (
    ("positional_args", structlog.stdlib.PositionalArgumentsFormatter()),
    ("stack_info", structlog.processors.StackInfoRenderer(additional_ignores=[__name__])),
    ("exc_info", structlog.processors.format_exc_info),
)


def _rarely(logger: WrappedLogger, name: str, record: EventDict) -> EventDict:
    for key, processor in _RARE:
        if key in record:
            record = cast("EventDict", processor(logger, name, record))
    return record


HOW_MADE: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _stamped,
    _rarely,
)
"""What is said, and what every record has besides; of records of the standard library's logging too."""


class NodeLogger(structlog.stdlib.BoundLogger):
    """Looks at the level of the standard library's logger of its name first, each time: it may change meanwhile.

    Whatever is logged, and whatever happens to it, the call returns: what cannot be written is told on stderr.
    """

    def _proxy_to_logger(self, method_name: str, event: str | None = None, *event_args: Any, **event_kw: Any) -> None:
        if not self._logger.isEnabledFor(_LEVELS[method_name]):
            return
        if event_args:
            event_kw["positional_args"] = event_args
        try:
            self._process_event(method_name, event, event_kw)
        except structlog.DropEvent:
            pass
        except Exception:  # noqa: BLE001 - whoever logs must not fail by it
            with contextlib.suppress(Exception):  # stderr is closed
                logging.Handler().handleError(logging.makeLogRecord({"msg": "a line of the log, not written"}))


def to_handlers(logger: WrappedLogger, name: str, record: EventDict) -> EventDict:
    """A processor of structlog, the last: the root's handlers write the record."""
    for handler in logging.root.handlers:
        if isinstance(handler, LineHandler):
            handler.say(record)
    return record
