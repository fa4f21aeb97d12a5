"""The audit log's files, as their one writer has them. Blocking code; use from one thread.

What is in the files is never changed. The one exception is a last line that has no end and was never acknowledged:
the mark of a crash in the middle of a write. It is cut off, and the log says so. Any other damage stays where it is
for whoever has to look into it: a new segment begins behind it, whose first entry says what was found.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.audit.errors import AuditUnavailableError
from actors.audit.segments import AuditPlace, noted_heads, number_of, old_heads, segment, segments
from pipelines.guardrails.audit_chain import BEGINNING, AuditEntry, Decision, Head, head_of, next_sealed, read_entry

LARGEST_HEADS_BYTES = 1_000_000
# Noted also while no node is at work: how the last one ended, the entry before them says.
OFFLINE_ACTIONS = frozenset(
    {"journal.restored", "journal.copied", "journal.vacuumed", "audit.repaired", "audit.damaged"}
)
_LONGEST_LINE = 2_000_000
_LOCK_WAIT_S = 5.0
_LOCK_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """How the log was found: its head, the last action that a node noted ("" for none), what was cut off, and other
    damage."""

    head: Head
    last_action: str
    repaired: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()


class AuditFiles:
    """Appends to the log. Every method but `close` raises `AuditUnavailableError`; then nothing was kept."""

    def __init__(self, place: AuditPlace, segment_bytes: int = 16_000_000) -> None:
        self._place = place
        self._segment_bytes = segment_bytes
        self._lock: int | None = None
        self._file: int | None = None
        self._path = segment(place.directory, 1)
        self._size = 0
        self._head = BEGINNING
        self._doubtful = False
        self._last_action = ""
        self.heads_problem = ""

    @property
    def head(self) -> Head:
        """The last entry that is on the disk."""
        return self._head

    def open(self) -> Found:
        """Takes the log for this writer alone and finds its end. Waits up to 5 s for a former writer to let go."""
        with self._explained():
            self._place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._place.directory.chmod(0o700)
            self._take_lock()
            return self._find_end()

    def close(self) -> None:
        """Gives the files back; harmless when they are given back already."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._lock = None

    def append(self, decisions: Sequence[Decision]) -> Found:
        """Appends entries and returns when the disk has them. What else changed in the files meanwhile is told."""
        with self._explained():
            damage = self._look()
            head, lines, action = self._head, list[str](), ""
            for made in decisions:
                entry, line = _sealed(head, made)
                head, action = head_of(entry), made.action
                lines.append(line)
            if lines:
                self._write("".join(f"{line}\n" for line in lines).encode("ascii"))
                self._head = head
                self._note_head()
            return Found(self._head, action, (), damage)

    # ---- finding the end -----------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        """Of a writer that was killed the thread may still be writing; it lets go as its last work."""
        if self._lock is not None:
            return
        lock = os.open(self._place.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + _LOCK_WAIT_S
        pause = threading.Event()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(lock)
                    raise
                pause.wait(_LOCK_POLL_S)
        self._lock = lock

    def _find_end(self) -> Found:
        noted = max(self._noted(), key=lambda head: head.number, default=BEGINNING)
        files = segments(self._place.directory)
        repaired: list[str] = []
        damage: list[str] = []
        last, last_file = None, None
        self._last_action = ""
        for file in reversed(files):
            entry, trouble = self._last_entry(file, noted, repaired)
            damage.extend(trouble)
            last, last_file = entry, file
            if entry is not None:
                break
        head = head_of(last) if last is not None else BEGINNING
        if head.number < noted.number:
            # Going on from here would close the gap over what is missing. From the note on it stays to be seen.
            damage.append(f"entries {head.number + 1} to {noted.number} were in the log and are missing at its end")
            head = noted
        elif head.number == noted.number and head.hash != noted.hash:
            damage.append(f"entry {head.number} is not the one that was noted")
        self._head = head
        newest = files[-1] if files else None
        if newest is not None and not damage and (newest == last_file or newest.stat().st_size == 0):
            self._use(newest)
        else:
            self._begin(number_of(newest) + 1 if newest is not None else 1)
        return Found(head, self._last_action, tuple(repaired), tuple(damage))

    def _last_entry(self, file: Path, noted: Head, repaired: list[str]) -> tuple[AuditEntry | None, list[str]]:
        """The last readable entry of a file; None for a file without one."""
        trouble: list[str] = []
        with file.open("r+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _LONGEST_LINE))
            *whole, tail = stream.read().split(b"\n")
            entry: AuditEntry | None = None
            for raw in reversed(whole):
                try:
                    entry = read_entry(raw.decode("utf-8"))
                except ValueError as error:
                    if not trouble:
                        trouble.append(f"{file}: the last line {error}")
                    continue
                break
            self._last_action = next((each for each in _actions(reversed(whole)) if each not in OFFLINE_ACTIONS), "")
            if tail:
                before = entry.number if entry is not None else 0
                if trouble or before < noted.number:
                    trouble.append(f"{file}: the last line has no end: it was cut")
                else:
                    stream.truncate(size - len(tail))
                    os.fsync(stream.fileno())
                    digest = hashlib.sha256(tail).hexdigest()
                    repaired.append(f"{file.name}: an unfinished line of {len(tail)} bytes was cut off ({digest[:16]})")
        return entry, trouble

    def _noted(self) -> list[Head]:
        try:
            return noted_heads(self._place.heads)
        except OSError as error:
            self.heads_problem = f"{self._place.heads} cannot be read: {error.strerror or error}"
            return []

    # ---- writing -------------------------------------------------------------------------------------------

    def _look(self) -> tuple[str, ...]:
        """Makes sure that the file is the one that was left: others may have cut, replaced or removed it."""
        if self._lock is None:
            self._take_lock()
        if self._doubtful or self._file is None:
            head = self._head
            found = self._find_end()
            self._doubtful = False
            if found.head.number >= head.number:
                return found.damage
            self._head = head
            return (*found.damage, f"entries {found.head.number + 1} to {head.number} are missing")
        try:
            there = self._path.stat()
        except FileNotFoundError:
            there = None
        mine = os.fstat(self._file)
        if there is not None and (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
            if mine.st_size == self._size:
                return ()
            what = f"{self._path} was changed by somebody else: it has {mine.st_size} bytes instead of {self._size}"
        else:
            what = f"{self._path} was removed or replaced by somebody else"
        numbers = [number_of(file) for file in segments(self._place.directory)]
        self._begin(max([*numbers, number_of(self._path)]) + 1)
        return (what,)

    def _write(self, data: bytes) -> None:
        if self._size and self._size + len(data) > self._segment_bytes:
            self._begin(number_of(self._path) + 1)
        assert self._file is not None
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fsync(self._file)
        except OSError:
            self._undo()
            raise
        self._size += len(data)

    def _undo(self) -> None:
        """Takes back what a failed write has left, so that nothing stands there that was refused."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
        except OSError:
            self._doubtful = True

    def _use(self, path: Path) -> None:
        self._swap(path, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))

    def _begin(self, number: int) -> None:
        path = segment(self._place.directory, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._swap(path, os.open(path, flags, 0o600))
        directory = os.open(self._place.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _swap(self, path: Path, descriptor: int) -> None:
        if self._file is not None:
            os.close(self._file)
        os.fchmod(descriptor, 0o600)
        self._file, self._path, self._size = descriptor, path, os.fstat(descriptor).st_size

    def _note_head(self) -> None:
        """Notes the head outside of the log. Behind the entries: a note without its entry always means a loss."""
        heads = self._place.heads
        try:
            descriptor = os.open(heads, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                # The line's end comes first: the note before may have been cut in the middle.
                os.write(descriptor, f"\n{self._head.number} {self._head.hash}".encode("ascii"))
            finally:
                os.close(descriptor)
            if size > LARGEST_HEADS_BYTES:
                heads.replace(old_heads(heads))
            self.heads_problem = ""
        except OSError as error:
            self.heads_problem = f"{heads} cannot be written: {error.strerror or error}"

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._path
            raise AuditUnavailableError(
                f"the audit log cannot be written ({where}: {error.strerror or error}). Fix: make room or make it "
                "writable for the node's user; the node goes on and writes what waits by itself"
            ) from error


def _actions(lines: Iterable[bytes]) -> Iterator[str]:
    for raw in lines:
        with contextlib.suppress(ValueError):
            yield read_entry(raw.decode("utf-8")).action


def _sealed(head: Head, made: Decision) -> tuple[AuditEntry, str]:
    """One decision that cannot be written must not hold up all others for ever: then that is what is written."""
    try:
        return next_sealed(head, made)
    except ValueError as error:
        at = made.at if math.isfinite(made.at) else 0.0
        who, action, subject = (text[:300] for text in (made.who, made.action, made.subject))
        return next_sealed(head, Decision(at, who, action, subject, {"detail_unwritable": str(error)[:300]}))
