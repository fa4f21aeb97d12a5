"""The journal's thread and what it holds."""

from __future__ import annotations

import threading
from pathlib import Path

from actors.journal import Journal, SqliteFile
from actors.kernel import Kernel
from tests.support import open_files, run


def test_a_killed_journal_leaves_no_file_open(tmp_path: Path) -> None:
    async def main() -> None:
        kernel = Kernel()
        before = set(threading.enumerate())
        journal = await kernel.spawn(Journal, SqliteFile(tmp_path / "journal.sqlite3"))
        (thread,) = set(threading.enumerate()) - before
        assert open_files(tmp_path)
        journal.kill()
        await journal.wait_exit()
        thread.join(5)
        assert open_files(tmp_path) == []
        await kernel.shutdown()

    run(main())
