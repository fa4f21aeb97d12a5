"""A journal of which one page in the middle is damaged: the node says so instead of coming up and standing still."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from runtime.cli import exits
from tests.bad_input.live import SMALL, LiveNode
from tests.node_for_tests import node_home

pytestmark = pytest.mark.daemon


@pytest.mark.parametrize("damaged", ["unfinished_runs", "steps"])
def test_a_damaged_page_is_told_at_the_start_and_nothing_is_overwritten(damaged: str) -> None:
    with node_home() as evopipe:
        evopipe.env |= {"EVOPIPE_STATE_DIR": str(evopipe.home / "state"), "EVOPIPE_LIMITS__DRAIN_S": "0"}
        assert evopipe("up").returncode == exits.OK
        node = LiveNode(evopipe)
        node.run(SMALL)
        node.close()
        assert evopipe("down").returncode == exits.OK
        journal = evopipe.home / "state" / "journal.sqlite3"
        with closing(sqlite3.connect(journal)) as connection:
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            page: int = connection.execute(query, (damaged,)).fetchone()[0]
            size: int = connection.execute("PRAGMA page_size").fetchone()[0]
        with journal.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        before = journal.read_bytes()
        up = evopipe("up")
        assert up.returncode == exits.FAILED, up.stdout
        assert f"{journal}: the database is corrupt" in up.stderr
        assert "Fix: restore it from a backup" in up.stderr
        assert not evopipe.socket.exists()
        assert journal.read_bytes() == before
