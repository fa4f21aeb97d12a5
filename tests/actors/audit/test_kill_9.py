"""`kill -9` under a thousand notes a second: what was acknowledged is there, and the chain holds."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.audit import AuditFiles, AuditPlace, check_place, entries_of, segments

pytestmark = pytest.mark.daemon
ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 5


def acknowledged_until_killed(directory: Path, first: int, seconds: float) -> list[int]:
    """The numbers that the process had acknowledged and told when it was killed, so long after its first."""
    command = [sys.executable, "-m", "tests.actors.audit.busy_log", str(directory), str(first)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as busy:
        assert busy.stdout is not None
        told = b""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if select.select([busy.stdout], [], [], 0.005)[0]:
                if not told:
                    end = time.monotonic() + seconds
                came = os.read(busy.stdout.fileno(), 65_536)
                assert came, "the process ended by itself"
                told += came
        busy.kill()
        told += busy.stdout.read()
    return [int(line) for line in told.decode().split("\n")[:-1]]


def test_no_acknowledged_entry_is_missing_after_kill_9_under_load(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "0")) or int(time.time())
    print(f"SEED={seed}")
    rng = random.Random(seed)
    place = AuditPlace.of(tmp_path)
    promised: set[int] = set()
    for _ in range(ROUNDS):
        said = acknowledged_until_killed(tmp_path, max(promised, default=0) + 1_000_000, rng.uniform(0.05, 0.8))
        assert said
        promised.update(said)
        # As it lies, before any repair: at most an unfinished line, which is no damage.
        assert check_place(place).flaws == ()
    files = AuditFiles(place)
    assert files.open().damage == ()
    files.close()
    checked = check_place(place)
    kept = {int(entry.subject.removeprefix("run-")) for entry in entries_of(segments(place.directory)) if entry.subject}
    assert (checked.flaws, promised - kept) == ((), set())
    print(f"{len(promised)} acknowledged, {checked.entries} entries in {len(segments(place.directory))} files")
