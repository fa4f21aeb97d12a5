"""The workspaces of requests: made when missing, and not looked at again for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.gateway.problems import ApiError
from runtime.gateway.workspace import FRESH_S, Wanted, Workspaces
from tests.support import run


def test_a_directory_that_was_usable_a_moment_ago_is_not_looked_at_again(tmp_path: Path) -> None:
    now = 100.0
    spaces = Workspaces(lambda: now)
    wanted = Wanted("files", None, str(tmp_path), tmp_path, None)

    async def main() -> None:
        nonlocal now
        assert await spaces.make(wanted) == tmp_path / "files"
        (tmp_path / "files").rmdir()
        now += FRESH_S / 2
        assert await spaces.make(wanted) == tmp_path / "files"
        assert not (tmp_path / "files").exists()
        now += FRESH_S
        assert (await spaces.make(wanted)).is_dir()

    run(main())


def test_what_one_peer_may_use_says_nothing_of_what_another_may(tmp_path: Path) -> None:
    spaces = Workspaces(lambda: 0.0)
    inside = tmp_path / "node"
    inside.mkdir()

    async def main() -> None:
        await spaces.make(Wanted(str(tmp_path), None, None, inside, None))
        with pytest.raises(ApiError):
            await spaces.make(Wanted(str(tmp_path), None, None, inside, inside))

    run(main())
