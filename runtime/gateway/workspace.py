"""Which directory the file steps of a run work in."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from runtime.gateway.problems import ApiError

DEFAULT_NAME = "workspace"
FRESH_S = 1.0
MOST_FRESH = 1_000


def choose_workspace(*, asked: str | None, declared: str | None, base_dir: str | None, fallback: Path) -> Path:
    """The request's own directory, else the pipeline's `workspace_dir`, else ./workspace; relative to `base_dir`.

    Without a `base_dir` relative paths start at `fallback`, the node's workspace. A pipeline may not declare a
    directory outside of where it starts: only the person who runs it may name one. Raises `ApiError`.
    """
    base = _base(base_dir, fallback)
    if asked is not None:
        return _joined(base, asked)
    if declared is not None:
        inner = PurePath(declared)
        if inner.is_absolute() or ".." in inner.parts:
            raise ApiError(
                422,
                "workspace_outside",
                f"the pipeline declares the workspace_dir {declared!r}, which is outside {base}; "
                "name it yourself (--workspace) if that is meant.",
            )
        return base / inner
    return base / DEFAULT_NAME if base_dir is not None else base


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request, its pipeline and its client's directory say of the workspace; `within` is as in
    `make_workspace`."""

    asked: str | None
    declared: str | None
    base_dir: str | None
    fallback: Path
    within: Path | None


class Workspaces:
    """The workspaces of requests. One that was usable less than `FRESH_S` ago is not looked at again: a thread for each
    of a thousand requests a second would cost more than their runs' first steps. File steps look for themselves."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._usable: OrderedDict[Wanted, tuple[Path, float]] = OrderedDict()

    async def make(self, wanted: Wanted) -> Path:
        """The existing directory that is wanted. Raises `ApiError`."""
        found, at = self._usable.get(wanted, (None, 0.0))
        if found is not None and self._now() - at < FRESH_S:
            return found
        made = await asyncio.to_thread(_made, wanted)
        self._usable[wanted] = made, self._now()
        self._usable.move_to_end(wanted)
        if len(self._usable) > MOST_FRESH:
            self._usable.popitem(last=False)
        return made


def _made(wanted: Wanted) -> Path:
    chosen = choose_workspace(
        asked=wanted.asked, declared=wanted.declared, base_dir=wanted.base_dir, fallback=wanted.fallback
    )
    return make_workspace(chosen, within=wanted.within)


def make_workspace(directory: Path, *, within: Path | None = None) -> Path:
    """Makes the directory when it is missing; gives its real path. Raises `ApiError`. Blocks: run in a thread.

    `within` is for those who are not the node's own user: elsewhere the node would lend them that user's rights.
    """
    try:
        if within is not None and not directory.resolve().is_relative_to(within.resolve()):
            raise ApiError(
                403,
                "workspace_not_yours",
                f"only the node's own user may name a workspace outside of {within}; name one inside of it, or none.",
            )
        directory.mkdir(parents=True, exist_ok=True)
        found = directory.resolve(strict=True)
        # Told now, not by the first file step after the provider has been paid for.
        if not os.access(found, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "the node may not read and write there")
        return found
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, FileExistsError):
            reason = "it is not a directory"
        raise ApiError(
            422,
            "workspace_unusable",
            f"the workspace {directory} cannot be used: {reason}. Expected a directory that the node's user may read "
            "and write. Fix: name another one (--workspace), or correct its owner or mode.",
        ) from error


def _base(base_dir: str | None, fallback: Path) -> Path:
    if base_dir is None:
        return fallback
    if "\0" in base_dir or not base_dir.startswith("/"):
        raise ApiError(422, "bad_base_dir", "base_dir must be an absolute path without NUL characters.")
    return Path(base_dir)


def _joined(base: Path, asked: str) -> Path:
    if not asked or "\0" in asked:
        raise ApiError(422, "bad_workspace", "workspace must be a path without NUL characters.")
    return base / Path(asked)
