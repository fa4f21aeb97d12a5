"""Where a node of this user lives when the settings do not say: the XDG directories, with a private fallback."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path


def default_config(environ: Mapping[str, str]) -> Path:
    """$XDG_CONFIG_HOME/evopipe/evopipe.yaml."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "evopipe" / "evopipe.yaml"


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """$XDG_STATE_HOME/evopipe."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / "evopipe"


def default_socket(environ: Mapping[str, str]) -> Path:
    """$XDG_RUNTIME_DIR/evopipe/evopipe.sock; without that variable, a directory of this user in the temp directory."""
    runtime_dir = environ.get("XDG_RUNTIME_DIR", "")
    if runtime_dir.startswith("/"):
        return Path(runtime_dir) / "evopipe" / "evopipe.sock"
    return Path(tempfile.gettempdir()) / f"evopipe-{os.getuid()}" / "evopipe.sock"


def make_private(directory: Path) -> None:
    """Makes `directory` with mode 0700, or checks that the one there belongs to this user alone.

    Raises `PermissionError` when it belongs to someone else or is open to others (in a shared temp directory
    anybody may have made it first), and `OSError` when it cannot be made. A directory that was there is never
    changed: it may be `/tmp` by a slip in the settings.
    """
    # Not mkdir's own `parents`: it gives the mode to the last directory only.
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    for place in reversed(missing):
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
    found = directory.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{directory} is not a directory")
    if found.st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to user {found.st_uid}, not to user {os.getuid()}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(
            f"{directory} is open to other users; name a directory of its own, or if nothing else uses this one, "
            f"run: chmod 700 {directory}"
        )


def _xdg(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    named = environ.get(variable, "")
    # The XDG specification says that a relative path there is invalid and is to be ignored.
    return Path(named) if named.startswith("/") else Path.home() / below_home
