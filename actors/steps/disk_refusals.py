"""What the disk refuses a step, as a sentence: what will fail again, and what may work in a moment."""

from __future__ import annotations

import errno
from typing import Final

from actors.steps.errors import StepError, WorkspaceDiskError, WorkspaceFileError

_LASTING: Final = {
    errno.ENAMETOOLONG: "the name is longer than this file system allows; use a shorter one",
    errno.EACCES: "the node's user may not do this; correct the owner or mode, or name another workspace",
    errno.EPERM: "the node's user may not do this; correct the owner or mode, or name another workspace",
    errno.EROFS: "the file system is read-only; name another workspace",
    errno.ENOENT: "it is gone, or the workspace itself is",
    errno.ENOTDIR: "a part of it is not a directory",
    errno.EISDIR: "it is a directory",
    errno.ENOTEMPTY: "the directory is not empty",
    errno.EEXIST: "it is there already",
    errno.ELOOP: "it leads through a symbolic link, and links are not followed",
    errno.EXDEV: "it is on another file system",
    errno.EINVAL: "the name or move is not possible here",
    errno.EFBIG: "the file would be larger than the node's user may write",
}
_PASSING: Final = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the user's disk quota is used up; make room",
    errno.EIO: "the disk reports an error; see the system's log",
    errno.EMFILE: "the node has too many files open at the moment",
    errno.ENFILE: "the system has too many files open at the moment",
}


def as_told(error: OSError, path: str) -> StepError:
    """`WorkspaceFileError` for what another try cannot mend, else `WorkspaceDiskError`, which is retried."""
    code = error.errno or 0
    if code in _LASTING:
        return WorkspaceFileError(f"{shown(path)}: {_LASTING[code]}")
    return WorkspaceDiskError(f"{shown(path)}: {_PASSING.get(code, error.strerror or type(error).__name__)}")


def shown(path: str) -> str:
    """A path for a message: quoted, and cut when it is very long."""
    return repr(path if len(path) <= 200 else f"{path[:150]}...{path[-40:]}")
