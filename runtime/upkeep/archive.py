"""The format of a backup: a tar whose first member, manifest.json, names every other one with its length and SHA-256.

Plain tar, so that a backup can be looked into, and in need be unpacked, without evopipe.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_MOST_MANIFEST: Final = 64 << 20
_PIECE: Final = 1 << 20


class DamagedBackupError(Exception):
    """The file is not a backup, or not what was written; `problems` has everything that is wrong."""

    def __init__(self, file: Path, problems: Sequence[str]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return f"{self.file} cannot be restored, and nothing was changed: {'; '.join(self.problems)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup: its path in the state directory, length in bytes, and SHA-256 (hex)."""

    path: str
    size: int
    sha256: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str = Field(min_length=1, max_length=4096)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a backup says of itself. `at` is Unix time in seconds; `left_out` names what is kept elsewhere."""

    model_config = ConfigDict(extra="forbid")
    format: int
    evopipe: str
    at: float
    left_out: list[str] = []
    files: list[_Entry]


def write_archive(target: Path, staged: Path, entries: Sequence[Entry], facts: dict[str, Any]) -> None:
    """Writes the backup of the files below `staged`; `target` has all of it or is untouched. Raises `OSError`."""
    manifest = {"format": FORMAT, **facts, "files": [asdict(entry) for entry in entries]}
    body = json.dumps(manifest, indent=2).encode()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                _add(tar, MANIFEST, len(body), io.BytesIO(body), facts["at"])
                for entry in entries:
                    with (staged / entry.path).open("rb") as content:
                        _add(tar, entry.path, entry.size, content, facts["at"])
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        sync_directory(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def read_archive(file: Path, staging: Path) -> Manifest:
    """Unpacks the backup below `staging` (a directory of the caller's) and checks every length and hash.

    Raises `DamagedBackupError`, or `OSError` when there is no room or no file.
    """
    try:
        with tarfile.open(file, mode="r:") as tar:
            manifest = _manifest(file, tar)
            problems = _unpack(tar, manifest, staging)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DamagedBackupError(file, [f"it is no readable tar ({error})"]) from error
    if problems:
        raise DamagedBackupError(file, problems)
    return manifest


def sync_directory(directory: Path) -> None:
    """Makes the names in it outlive a power cut. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_file(path: Path) -> tuple[int, str]:
    """Length and SHA-256 of a file."""
    with path.open("rb") as content:
        return _pour(content, None)


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes], at: float) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(at)
    tar.addfile(member, content)


def _manifest(file: Path, tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isfile() or first.size > _MOST_MANIFEST:
        raise DamagedBackupError(file, [f"it is not a backup of evopipe (it does not begin with {MANIFEST})"])
    content = tar.extractfile(first)
    assert content is not None
    try:
        manifest = Manifest.model_validate_json(content.read())
    except ValidationError as error:
        raise DamagedBackupError(file, [f"its {MANIFEST} does not hold ({error.error_count()} faults)"]) from error
    if manifest.format != FORMAT:
        raise DamagedBackupError(file, [f"it has format {manifest.format}, this evopipe reads {FORMAT}"])
    return manifest


def _unpack(tar: tarfile.TarFile, manifest: Manifest, staging: Path) -> list[str]:
    wanted = {entry.path: entry for entry in manifest.files}
    problems: list[str] = []
    seen: set[str] = set()
    while (member := tar.next()) is not None:
        entry = wanted.get(member.name)
        if entry is None or member.name in seen or not member.isfile() or not _is_inside(member.name):
            problems.append(f"{member.name!r} does not belong into it")
            continue
        seen.add(member.name)
        content = tar.extractfile(member)
        assert content is not None
        target = staging / member.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            if _pour(content, out) != (entry.size, entry.sha256):
                problems.append(f"{member.name} is not what was written (its hash differs)")
            out.flush()
            os.fsync(out.fileno())
    problems += [f"{path} is missing" for path in wanted if path not in seen]
    return problems


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name


def _pour(content: IO[bytes], out: IO[bytes] | None) -> tuple[int, str]:
    size, found = 0, hashlib.sha256()
    while piece := content.read(_PIECE):
        size += len(piece)
        found.update(piece)
        if out is not None:
            out.write(piece)
    return size, found.hexdigest()
