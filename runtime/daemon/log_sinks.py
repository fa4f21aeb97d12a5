"""Where lines of the log go: a rotated file and, in the foreground, stderr. A line is with the system when it has been
written, so that a kill loses none."""

from __future__ import annotations

import logging
import logging.handlers
import os
import stat
import threading
from io import TextIOWrapper
from pathlib import Path
from typing import Literal, Protocol, TextIO, cast

from structlog.typing import EventDict, Processor

from runtime.settings import LoggingSettings

# One file's former and present handler must not move it at the same time: one would remove what the other put aside.
_ROTATING = threading.RLock()


class Sink(Protocol):
    """Takes lines, one thread at a time."""

    def write(self, line: str) -> None:
        """Adds `line` and its end. Raises what the system says."""
        ...

    def close(self) -> None:
        """Gives back what is open. A line that comes later is written all the same."""
        ...


class LineHandler(logging.Handler):
    """Writes to `sink`: records of the standard library's logging as its formatter makes them, and our own without
    being made into such records first, as `render` makes them.

    What cannot be written is told on stderr, as the standard handlers do it, and lost. From any thread.
    """

    def __init__(self, sink: Sink, render: Processor) -> None:
        super().__init__()
        assert self.lock is not None
        self._turn = self.lock
        self._sink = sink
        self._render = render

    def say(self, record: EventDict) -> None:
        """Writes one of our own records."""
        self._put(cast("str", self._render(None, "", record)))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a record of foreign code, and whoever logs must not fail by it
            # Not the record itself: what it holds would be told as it is, with any key in it.
            self.handleError(logging.makeLogRecord({"msg": f"a record of {record.name}, not written"}))
        else:
            self._put(line)

    def close(self) -> None:
        with self._turn:
            self._sink.close()
        super().close()

    def _put(self, line: str) -> None:
        with self._turn:
            try:
                self._sink.write(line)
            except Exception:  # noqa: BLE001 - a full disk must not fail whoever logs
                # The line and not the record: it is told on stderr, and has no keys in it.
                self.handleError(logging.makeLogRecord({"msg": line}))


class RotatedFile(logging.handlers.RotatingFileHandler):
    """A file for the owner only, put aside when it is full. Raises `OSError` when it cannot be opened.

    Of the standard handler it has the opening, the closing and the rotation; it keeps count of what is in the file
    and writes a line with one call. Where the disk is full a line may be cut off; the next begins a new one, also
    after a restart. A rotation that fails is tried again when as much again has been written.
    """

    _counted = 0
    _torn = False
    _over = False

    def __init__(self, target: Path, settings: LoggingSettings) -> None:
        super().__init__(target, maxBytes=settings.max_bytes, backupCount=settings.backups, encoding="utf-8")
        self._full = self.maxBytes

    def write(self, line: str) -> None:
        data = f"{line}\n".encode("utf-8", "replace")
        unrotated: OSError | None = None
        if self._counted and self._counted + len(data) >= self._full and self._regular and not self._over:
            unrotated = self._rotate()
        if self.stream is None:  # closed, or a rotation has failed
            self.stream = self._open()
        try:
            self._append(self.stream, data)
        finally:
            if self._over:  # by a thread that was on its way when the log was configured anew
                super().close()
        if unrotated is not None:
            raise unrotated

    def close(self) -> None:
        self._over = True
        super().close()

    def _append(self, stream: TextIOWrapper, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        while data:
            written = os.write(stream.fileno(), data)
            self._counted += written
            data = data[written:]
            self._torn = bool(data)

    def _rotate(self) -> OSError | None:
        try:
            with _ROTATING:
                self.doRollover()
        except OSError as error:
            self.stream = None  # whatever it is now, it is opened anew
            self._full = self._counted + self.maxBytes
            return error
        self._full = self.maxBytes
        return None

    def _open(self) -> TextIOWrapper:
        mode: Literal["a"] = "a"  # what a rotation leaves off is empty, what a restart finds is gone on with
        # The standard handler closes it.
        stream = open(self.baseFilename, mode, encoding=self.encoding, opener=_private)  # noqa: SIM115
        found = os.fstat(stream.fileno())
        self._regular = stat.S_ISREG(found.st_mode)  # all else is never full, and must not be renamed
        self._counted = found.st_size
        self._torn = self._regular and self._counted > 0 and _is_torn(self.baseFilename)
        return stream


def _is_torn(path: str) -> bool:
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _private(path: str, flags: int) -> int:
    """For the owner only, whatever the umask; a device or a pipe that somebody has put there stays as it is."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor


class Foreground:
    """A stream of the process: not ours to close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        pass
