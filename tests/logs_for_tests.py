"""The node's real log, for the length of a test."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Literal

import structlog

from runtime.daemon.logs import configure_logging
from runtime.settings import LoggingSettings


@contextlib.contextmanager
def logging_into(
    file: Path,
    secrets: Iterable[str] = (),
    *,
    stderr: Literal["no", "json", "text"] = "no",
    max_bytes: int = 10_000_000,
    backups: int = 1,
) -> Generator[Path]:
    """All logging of this process goes into `file` meanwhile; afterwards all is as it was."""
    root = logging.getLogger()
    former, level = list(root.handlers), root.level
    root.handlers.clear()
    try:
        settings = LoggingSettings(level="info", max_bytes=max_bytes, backups=backups)
        configure_logging(settings, file, stderr=stderr, secrets=secrets)
        yield file
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = former
        root.setLevel(level)
        structlog.reset_defaults()
