"""The workspace jail: the only way steps reach the file system.

Paths are walked one directory at a time with `openat` and O_NOFOLLOW, so no link, `..` or race between a check and its
use leads out of the workspace. Symbolic links are refused even where they stay inside: telling the two apart safely
would need a second walk. Everything here blocks; call it in a thread.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.steps.disk_refusals import as_told, shown
from actors.steps.errors import OutsideWorkspaceError, WorkspaceFileError

MAX_BYTES = 10 * 1024 * 1024
MAX_LISTED = 10_000
MAX_DEPTH = 64
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a listing; `path` is relative to the workspace, `size` in bytes."""

    name: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is at a path: `kind` is file, directory or special file; `size` in bytes."""

    kind: str
    size: int
    readable: bool
    writable: bool


class Jail:
    """One workspace. Methods take paths as pipelines write them (relative, or absolute inside the workspace) and raise
    `OutsideWorkspaceError`, `WorkspaceFileError` for what will fail again, or `WorkspaceDiskError` for what the disk
    refuses now."""

    def __init__(self, root: str, max_bytes: int = MAX_BYTES) -> None:
        self._root = root
        self._max_bytes = max_bytes

    def relative(self, path: str) -> tuple[str, ...]:
        """The path's parts below the workspace; () is the workspace itself."""
        if "\0" in path:
            raise OutsideWorkspaceError("a path must not contain a NUL character")
        _encoded(path, f"the path {shown(path)}")
        inner = path
        if path.startswith("/"):
            for root in (self._root, os.path.realpath(self._root)):
                if path == root or path.startswith(root.rstrip("/") + "/"):
                    inner = path[len(root) :]
                    break
            else:
                raise OutsideWorkspaceError(f"{shown(path)} is outside of the workspace; use a path relative to it")
        parts = tuple(part for part in inner.split("/") if part not in {"", "."})
        if ".." in parts:
            raise OutsideWorkspaceError(f"{shown(path)} climbs out with '..'; use a path inside the workspace")
        return parts

    def read(self, path: str) -> bytes:
        """A regular file's bytes."""
        with self._parent(path) as (directory, name), self._file(directory, name, path) as file:
            size = os.fstat(file).st_size
            if size > self._max_bytes:
                raise WorkspaceFileError(f"{shown(path)} has {size} bytes; the limit is {self._max_bytes}")
            with os.fdopen(os.dup(file), "rb") as stream:
                return stream.read(self._max_bytes + 1)[: self._max_bytes]

    def read_text(self, path: str) -> str:
        """A UTF-8 file's text, without a byte order mark."""
        try:
            return self.read(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise WorkspaceFileError(f"{shown(path)} is not UTF-8 text (byte {error.start})") from error

    def write(self, path: str, data: bytes) -> None:
        """Replaces the file by `data` in one step: readers see the old or the new content, never a part of it."""
        if len(data) > self._max_bytes:
            raise WorkspaceFileError(f"{shown(path)} would have {len(data)} bytes; the limit is {self._max_bytes}")
        with self._parent(path, create=True) as (directory, name):
            self._refuse_link(directory, name, path)
            if _is_directory(directory, name):
                raise WorkspaceFileError(f"{shown(path)} is a directory")
            scratch = f".{name[:200]}.{os.urandom(6).hex()}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(scratch, flags, 0o644, dir_fd=directory)
            try:
                with os.fdopen(file, "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(scratch, name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                os.unlink(scratch, dir_fd=directory)
                raise

    def write_text(self, path: str, text: str) -> int:
        """`write` in UTF-8; the number of bytes."""
        data = _encoded(text, f"the text for {shown(path)}")
        self.write(path, data)
        return len(data)

    def list(self, path: str, *, recursive: bool = False) -> list[Entry]:
        """The regular files of a directory by name; links and special files are left out."""
        parts = self.relative(path)
        with self._directory(parts, path) as directory:
            found: list[Entry] = []
            self._collect(directory, "/".join(parts), recursive, found)
        return sorted(found, key=lambda entry: entry.path)

    def look(self, path: str) -> Standing | None:
        """What is at `path`, a link excepted; None when nothing is there."""
        parts = self.relative(path)
        try:
            with self._directory(parts[:-1], path) as directory:
                name = parts[-1] if parts else "."
                self._refuse_link(directory, name, path)
                if not _exists(directory, name):
                    return None
                facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
                may_read, may_write = (os.access(name, mode, dir_fd=directory) for mode in (os.R_OK, os.W_OK))
        except WorkspaceFileError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None  # a directory on the way
            raise
        return Standing(_kind(facts.st_mode), facts.st_size, may_read, may_write)

    def copy(self, source: str, destination: str) -> None:
        """Copies one file."""
        self.write(destination, self.read(source))

    def move(self, source: str, destination: str) -> None:
        """Renames a file or directory."""
        with self._parent(source) as (old, name), self._parent(destination, create=True) as (new, new_name):
            self._refuse_link(old, name, source)
            self._refuse_link(new, new_name, destination)
            try:
                os.rename(name, new_name, src_dir_fd=old, dst_dir_fd=new)
            except FileNotFoundError as error:
                raise WorkspaceFileError(f"{shown(source)} does not exist in the workspace") from error

    def delete(self, path: str) -> None:
        """Removes a file, or a directory with all it holds."""
        with self._parent(path) as (directory, name):
            self._refuse_link(directory, name, path)
            try:
                if _is_directory(directory, name):
                    shutil.rmtree(name, dir_fd=directory)
                else:
                    os.unlink(name, dir_fd=directory)
            except FileNotFoundError as error:
                raise WorkspaceFileError(f"{shown(path)} does not exist in the workspace") from error

    # ---- walking -------------------------------------------------------------------------------------------

    @contextmanager
    def _parent(self, path: str, *, create: bool = False) -> Generator[tuple[int, str]]:
        parts = self.relative(path)
        if not parts:
            raise WorkspaceFileError(f"{shown(path)} is the workspace itself; name a file in it")
        with self._directory(parts[:-1], path, create=create) as directory:
            yield directory, parts[-1]

    @contextmanager
    def _directory(self, parts: tuple[str, ...], path: str, *, create: bool = False) -> Generator[int]:
        try:
            with self._walked(parts, path, create) as directory:
                yield directory
        except OSError as error:
            raise as_told(error, path) from error

    @contextmanager
    def _walked(self, parts: tuple[str, ...], path: str, create: bool) -> Generator[int]:
        # The workspace itself may be reached through links: whoever named it chose it.
        current = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                inner = self._enter(current, part, path, create)
                os.close(current)
                current = inner
            yield current
        finally:
            os.close(current)

    def _enter(self, directory: int, part: str, path: str, create: bool) -> int:
        try:
            if create and not _exists(directory, part):
                os.mkdir(part, 0o755, dir_fd=directory)
        except FileExistsError:
            pass  # somebody else made it meanwhile
        try:
            return os.open(part, _DIRECTORY, dir_fd=directory)
        except FileNotFoundError as error:
            raise WorkspaceFileError(f"{shown(path)}: there is no {part!r} in the workspace") from error
        except OSError as error:
            self._refuse_link(directory, part, path)
            if error.errno == errno.ENOTDIR:
                raise WorkspaceFileError(f"{shown(path)}: {part!r} is not a directory") from error
            raise

    @contextmanager
    def _file(self, directory: int, name: str, path: str) -> Generator[int]:
        try:
            file = os.open(name, _FILE, dir_fd=directory)
        except FileNotFoundError as error:
            raise WorkspaceFileError(f"{shown(path)} does not exist in the workspace") from error
        except OSError:
            self._refuse_link(directory, name, path)
            raise
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise WorkspaceFileError(f"{shown(path)} is not a regular file")
            yield file
        finally:
            os.close(file)

    def _refuse_link(self, directory: int, name: str, path: str) -> None:
        try:
            mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISLNK(mode):
            raise OutsideWorkspaceError(f"{shown(path)}: {name!r} is a symbolic link, and links are not followed")

    def _collect(self, directory: int, prefix: str, recursive: bool, found: list[Entry], depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise WorkspaceFileError(f"directories more than {MAX_DEPTH} deep; list a directory further in")
        for name in sorted(os.listdir(directory)):
            try:
                facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue  # deleted since the directory was read
            path = f"{prefix}/{name}" if prefix else name
            if stat.S_ISREG(facts.st_mode):
                found.append(Entry(name, path, facts.st_size))
                if len(found) > MAX_LISTED:
                    raise WorkspaceFileError(f"more than {MAX_LISTED} files; list a smaller directory")
            elif recursive and stat.S_ISDIR(facts.st_mode):
                try:
                    inner = os.open(name, _DIRECTORY, dir_fd=directory)
                except FileNotFoundError:
                    continue
                try:
                    self._collect(inner, path, recursive, found, depth + 1)
                finally:
                    os.close(inner)


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise WorkspaceFileError(
            f"{what} holds U+{ord(text[error.start]):04X}, half of a character, which UTF-8 has no bytes for"
        ) from error


def _kind(mode: int) -> str:
    return "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) else "special file"


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_directory(directory: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
