"""What must hold on disk before a node starts: private directories, room to write, a socket path that fits."""

from __future__ import annotations

import errno
import grp
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.daemon.exits import EXIT_BAD_CONFIG, EXIT_STATE_UNUSABLE, DaemonError
from runtime.settings import make_private

if TYPE_CHECKING:
    from runtime.settings import Settings  # loads the models, which `evopipe kill` does not need

LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on BSD and macOS, 108 on Linux, one for the end
PROBE_BYTES = 65_536


def prepare_places(settings: Settings) -> str | None:
    """Makes the directories of the node and checks that they can be used; raises `DaemonError` with the fix.

    Says in a sentence what it has mended: a restore that was cut off. None: nothing was to mend.
    """
    if len(os.fsencode(settings.socket_path)) > LONGEST_SOCKET_PATH:
        raise DaemonError(
            f"the socket path {settings.socket_path} is longer than {LONGEST_SOCKET_PATH} bytes, which Unix sockets "
            "do not allow; set socket_path (EVOPIPE_SOCKET_PATH) to a shorter one.",
            EXIT_BAD_CONFIG,
        )
    mended = _finish_restore(settings.state_dir)
    _private("state directory", settings.state_dir, "EVOPIPE_STATE_DIR")
    prepare_socket_place(settings)
    _probe(settings.state_dir)
    try:
        settings.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DaemonError(
            f"the workspace {settings.workspace} cannot be made: {error.strerror}; set EVOPIPE_WORKSPACE.",
            EXIT_STATE_UNUSABLE,
        ) from error
    return mended


def restore_note(state_dir: Path) -> Path:
    """Where a restore of that state writes down what it is about to do; it is there until that is done."""
    return state_dir.with_name(f".{state_dir.name}.restore.json")


def _finish_restore(state_dir: Path) -> str | None:
    """Before the state directory is made anew in the place of one that a restore has just moved aside."""
    if not restore_note(state_dir).exists():
        return None
    from runtime.upkeep import finish_restore  # noqa: PLC0415 - it imports this folder; seldom needed

    mended = finish_restore(state_dir)
    return None if mended is None else mended.told


def prepare_socket_place(settings: Settings) -> None:
    """Makes the directory of the socket, where its lock is, too, or checks the one there; raises `DaemonError`."""
    if settings.access.socket_group is None:
        _private("directory of the socket", settings.socket_path.parent, "EVOPIPE_SOCKET_PATH")
    else:
        _shared(settings.socket_path.parent, settings.access.socket_group)


def _private(what: str, directory: Path, variable: str) -> None:
    try:
        make_private(directory)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DaemonError(
            f"the {what} {directory} cannot be used: {reason}. Correct that, or set {variable}.",
            EXIT_STATE_UNUSABLE,
        ) from error


def _shared(directory: Path, group: str) -> None:
    """The group must get through to the socket; nobody else may, and only the owner may put anything there."""
    try:
        gid = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            os.chown(directory, -1, gid)
            directory.chmod(0o750)
        found = directory.stat()
        if found.st_uid not in (os.getuid(), 0) or found.st_mode & 0o027 or found.st_gid != gid:
            raise PermissionError(errno.EPERM, f"it must be the node's user's and group {group}'s, with mode 0750")
    except KeyError:
        raise DaemonError(
            f"access.socket_group: there is no group {group!r} on this machine.", EXIT_BAD_CONFIG
        ) from None
    except OSError as error:
        raise DaemonError(
            f"the directory of the socket {directory} cannot be used: {error.strerror}. Correct that, or set "
            "EVOPIPE_SOCKET_PATH.",
            EXIT_STATE_UNUSABLE,
        ) from error


def _probe(directory: Path) -> None:
    """Writes and syncs a little: a full disk is better told now than in the middle of a run."""
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"\0" * PROBE_BYTES)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else (error.strerror or str(error))
        fix = "make room" if full else "make it writable"
        raise DaemonError(
            f"the state directory {directory} cannot be written: {reason}; {fix}, or set EVOPIPE_STATE_DIR.",
            EXIT_STATE_UNUSABLE,
        ) from error
