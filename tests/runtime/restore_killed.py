"""Restores a backup again and again, killed with SIGKILL at each of its steps in turn, and mends what that leaves.

`python -m tests.runtime.restore_killed DIRECTORY SEED`: a process of its own, because it forks. Prints how many kills
there were and how they ended; ends with 1 at the first one after which anything is lost.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from actors.audit import AuditPlace, check_place, decisions, last_entries, note_offline
from runtime.upkeep import back_up, finish_restore, restore

FAMILIES = ("os.", "shutil.", "fcntl.", "open", "tempfile.")


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Does the work in a child that is killed just before its file operation number `step`; False: it has fewer."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event: str, _: object) -> None:
            nonlocal seen
            if event.startswith(FAMILIES):
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        code = 1
        try:
            work()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "it failed by itself"
    return os.WIFSIGNALED(status)


def main(home: Path, seed: int) -> None:
    rng = random.Random(seed)
    state, saved = home / "state", home / "saved.tar"
    _write(state, "backed up")
    back_up(state, saved, evopipe="1")
    step, ended = 0, Counter[str]()
    while True:
        step += 1
        for old in home.glob("*state*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        _write(state, "in use")
        if not killed_at(step, lambda: _restore(saved, state)):
            break
        killed_at(rng.randrange(1, 25), lambda: finish_restore(state))
        finish_restore(state)
        ended[_judged(state, step)] += 1
        _restore(saved, state)
        assert (state / "patterns.json").read_text(encoding="utf-8") == "backed up"
    print(json.dumps({"kills": step - 1, **ended}))


def _restore(saved: Path, state: Path) -> None:
    restore(saved, state, state.parent / "sock", force=True, who="ann")


def _write(state: Path, text: str) -> None:
    state.mkdir(mode=0o700)
    (state / "deep").mkdir(mode=0o700)
    for name in ("patterns.json", "deep/trust.json"):
        (state / name).write_text(text, encoding="utf-8")
    note_offline(AuditPlace.of(state), decisions.journal_vacuumed(1.0, "ann", before=1, after=1))


def _judged(state: Path, step: int) -> str:
    """Which state is in place; fails unless it is whole, and the former one is there in any case."""
    found = {(state / name).read_text(encoding="utf-8") for name in ("patterns.json", "deep/trust.json")}
    assert len(found) == 1, (step, found)
    (text,) = found
    asides = list(state.parent.glob("state.before-restore-*"))
    noted = [each.action for each in last_entries(state / "audit", 100)]
    assert check_place(AuditPlace.of(state)).is_sound, step
    assert not (state.parent / ".state.restore.json").exists(), step
    if text == "in use":
        assert (asides, noted) == ([], ["journal.vacuumed"]), (step, asides, noted)
        return "as before"
    (aside,) = asides
    assert (aside / "deep" / "trust.json").read_text(encoding="utf-8") == "in use", step
    assert noted == ["journal.vacuumed", "journal.restored"], (step, noted)
    return "restored"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
