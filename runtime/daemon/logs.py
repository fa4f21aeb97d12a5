"""The node's log: structlog as JSON lines, into a rotated file when detached, to stderr in the foreground.

Records of the standard library's logging (uvicorn, the SDKs) go through the same chain.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal

import structlog

from runtime.daemon.redacting import Redacting
from runtime.settings import LoggingSettings


def configure_logging(
    settings: LoggingSettings, target: Path, *, stderr: Literal["no", "json", "text"], secrets: Iterable[str] = ()
) -> None:
    """Sends all logging of this process to the file `target` (rotated), and to stderr too when asked.

    `secrets` are words that no line may hold. Raises `OSError` when the file cannot be opened. May be called again to
    change the level and the secrets.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    as_written: list[Any] = [structlog.processors.format_exc_info, Redacting(secrets)]
    json_lines = [*as_written, structlog.processors.JSONRenderer(default=str)]
    file = _RotatedFile(
        target, maxBytes=settings.max_bytes, backupCount=settings.backups, encoding="utf-8", errors="replace"
    )
    handlers: list[tuple[logging.Handler, list[Any]]] = [(file, json_lines)]
    if stderr == "json":
        handlers.append((logging.StreamHandler(sys.stderr), json_lines))
    elif stderr == "text":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        handlers.append((logging.StreamHandler(sys.stderr), [*as_written, renderer]))
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler, rendering in handlers:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
            )
        )
        root.addHandler(handler)
    root.setLevel(settings.level.upper())
    # These say on "info" what our own events say better, once a request.
    for chatty in ("httpx", "httpcore", "uvicorn.access", "google_genai", "anthropic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of each request that is no HTTP: whoever sends many would push all else out of the rotated files.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _private(path: str, flags: int) -> int:
    """For the owner only, whatever the umask."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


class _RotatedFile(logging.handlers.RotatingFileHandler):
    """Formats a record once: the standard one does it a second time, to know how long it would be."""

    _latest: tuple[logging.LogRecord, str] | None = None

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """As the standard one, which asks the disk three times for every line."""
        if self.stream is None:  # pyright: ignore[reportUnnecessaryComparison] - after a rotation that failed
            self.stream = self._open()
        if self.maxBytes <= 0 or not self.stream.seekable():
            return False
        # Flushed after every line, in append mode: what it tells is the file's end.
        return self.stream.tell() + len(self.format(record)) + 1 >= self.maxBytes

    def _open(self) -> TextIOWrapper:
        mode: Literal["a"] = "a"  # what a rotation leaves off is empty, what a restart finds is gone on with
        return open(self.baseFilename, mode, encoding=self.encoding, errors=self.errors, opener=_private)

    def format(self, record: logging.LogRecord) -> str:
        if self._latest is None or self._latest[0] is not record:
            self._latest = record, super().format(record)
        return self._latest[1]

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self._latest = None


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file (fewer when there are fewer; none when it is missing)."""
    if lines <= 0:
        return []
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            position = file.tell()
            block = b""
            while position > 0 and block.count(b"\n") <= lines:
                step = min(65_536, position)
                position -= step
                file.seek(position)
                block = file.read(step) + block
    except FileNotFoundError:
        return []
    return block.decode("utf-8", errors="replace").splitlines()[-lines:]
