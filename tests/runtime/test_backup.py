"""Backup and restore where a state is not as tidy as after `evopipe down`: files that go, directories of others."""

from __future__ import annotations

import grp
import os
import stat
import tarfile
from pathlib import Path

import pytest

from runtime.cli import exits
from runtime.upkeep import back_up, backup
from tests.node_for_tests import node_home


def test_a_file_that_a_run_removes_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "state" / "workspace"
    work.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (work / name).write_text(name, encoding="utf-8")
    looked_at = backup.is_database

    def is_database(path: Path) -> bool:
        if path.name == "b":
            path.unlink()
        return looked_at(path)

    monkeypatch.setattr(backup, "is_database", is_database)
    made = back_up(tmp_path / "state", tmp_path / "saved.tar", evopipe="1")
    assert made.files == 2
    with tarfile.open(made.file) as tar:
        assert tar.getnames() == ["manifest.json", "workspace/a", "workspace/c"]


def test_restore_and_vacuum_work_with_a_group_on_the_socket_and_where_its_directory_is_gone() -> None:
    with node_home() as evopipe:
        shared = evopipe.home / "shared"
        evopipe.env["EVOPIPE_SOCKET_PATH"] = str(shared / "e.sock")
        evopipe.env["EVOPIPE_ACCESS__SOCKET_GROUP"] = grp.getgrgid(os.getgid()).gr_name
        state = evopipe.home / "state"
        evopipe.env["EVOPIPE_STATE_DIR"] = str(state)
        state.mkdir(mode=0o700)
        (state / "patterns.json").write_text("{}", encoding="utf-8")
        assert evopipe("backup", "saved.tar").returncode == exits.OK
        for _ in range(2):  # the second time the directory is there
            restored = evopipe("restore", "saved.tar", "--force")
            assert restored.returncode == exits.OK, restored.stderr
            assert stat.S_IMODE(shared.stat().st_mode) == 0o750
        (shared / "e.sock.lock").unlink()
        shared.rmdir()
        assert evopipe("vacuum").returncode == exits.OK
        shared.chmod(0o777)
        refused = evopipe("restore", "saved.tar", "--force")
        assert refused.returncode == exits.STATE_UNUSABLE
        assert "mode 0750" in refused.stderr
