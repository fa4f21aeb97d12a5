"""One registered pipeline as a file: `<number>@<name>@<version>@<sha256 of the bytes>.json`.

The file name proves the content, and says which pipeline it is even when the content is damaged: a newest version that
cannot be read must be refused, and not passed over for an older one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from actors.library.errors import DamagedEntryError, LibraryUnavailableError
from pipelines.linking import Entry

UNFINISHED: Final = ".new-"
_LARGEST: Final = 16 * 1024 * 1024
_FILE_NAME: Final = re.compile(r"(\d{6,12})@([^@/]{1,80})@([^@/]{1,40})@([0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A file of the library, by its name alone. A higher `number` was registered later."""

    path: Path
    number: int
    name: str
    version: str
    sha256: str

    @property
    def label(self) -> str:
        """As the pipeline is spoken of."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file holds: the entry, and when (Unix time) and where from it was registered."""

    entry: Entry
    registered_at: float
    source: str


def parse_name(path: Path) -> EntryFile | None:
    """The file as its name tells it; None when it is no file of a library."""
    found = _FILE_NAME.fullmatch(path.name)
    return None if found is None else EntryFile(path, int(found[1]), found[2], found[3], found[4])


def write(directory: Path, number: int, kept: Kept) -> EntryFile:
    """Writes the entry; on the disk, whole, when this returns. Raises `LibraryUnavailableError`."""
    entry = kept.entry
    facts = {
        "name": entry.name,
        "version": entry.version,
        "number": number,
        "content_hash": entry.content_hash,
        "registered_at": kept.registered_at,
        "source": kept.source,
        "definition": entry.text,
    }
    body = json.dumps(facts).encode("ascii")
    sha256 = hashlib.sha256(body).hexdigest()
    path = directory / f"{number:06d}@{entry.name}@{entry.version}@{sha256}.json"
    handle, unfinished = -1, ""
    try:
        handle, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=directory)  # 0600
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
        sync_directory(directory)
    except OSError as error:
        if unfinished:
            with contextlib.suppress(OSError):
                Path(unfinished).unlink()
        raise unavailable(directory, error) from error
    return EntryFile(path, number, entry.name, entry.version, sha256)


def read(file: EntryFile) -> Kept:
    """What the file holds. Raises `DamagedEntryError` when that is not what was registered."""
    body = _bytes_of(file)
    if hashlib.sha256(body).hexdigest() != file.sha256:
        raise damaged(file, "its content is not what was registered (damaged, or edited by hand)")
    try:
        facts = cast("dict[str, Any]", json.loads(body))
        entry = Entry(str(facts["name"]), str(facts["version"]), str(facts["content_hash"]), str(facts["definition"]))
        kept = Kept(entry, float(facts["registered_at"]), str(facts["source"]))
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(file, "it holds something else than a pipeline") from error
    if (entry.name, entry.version, facts["number"]) != (file.name, file.version, file.number):
        raise damaged(file, f"it holds {entry.label}: it was renamed by hand")
    return kept


def _bytes_of(file: EntryFile) -> bytes:
    try:
        handle = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise damaged(file, f"it cannot be opened ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise damaged(file, "it is no plain file")
    with os.fdopen(handle, "rb") as stream:
        try:
            body = stream.read(_LARGEST + 1)
        except OSError as error:
            raise damaged(file, f"it cannot be read ({error.strerror})") from error
    if len(body) > _LARGEST:
        raise damaged(file, f"it is larger than {_LARGEST} bytes")
    return body


def sync_directory(directory: Path) -> None:
    """Makes what was renamed or removed in it last. Raises `OSError`."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def damaged(file: EntryFile, why: str) -> DamagedEntryError:
    """The refusal of one entry."""
    return DamagedEntryError(
        f"the pipeline {file.label} of the library cannot be used: {why} ({file.path})",
        f"put the file back from a backup, or remove it with `evopipe unregister {file.label}`",
    )


def unavailable(directory: Path, error: OSError) -> LibraryUnavailableError:
    """The refusal of everything."""
    return LibraryUnavailableError(
        f"the library's directory {directory} cannot be used ({error.strerror or error})",
        "check that it is there, that it is a directory of the node's user, and that the disk has room",
    )
