"""What is kept: a run made again from its middle, a backup, and an audit log in which tampering shows."""

from __future__ import annotations

from runtime.cli import exits
from runtime.demo.stage import Stage, scene

FORGED = 5


def replay_from_the_middle(stage: Stage) -> None:
    """A finished run is made again from one step on; what stands before it is taken over."""
    run_id = stage.submit(scene("slow_work"))
    stage.terminal.run("follow", run_id, show=False)
    again = stage.terminal.run("replay", run_id, "--from", "finish", "--json")
    stage.checks.check(again.code == 0, "its last step runs again", again.text)
    history = stage.terminal.run("history", str(again.facts.get("run_id")))
    stage.checks.say(history.out)
    stage.checks.check(history.out.count("taken over") == 2, "the two before it are taken over", history.text)


def find_tampering(stage: Stage) -> None:
    """A backup of the working node, all of its state verified, and a forged entry of the audit log located."""
    backup = stage.terminal.run("backup", stage.home.root / "backup.tar")
    stage.checks.check(backup.code == 0, "a backup is made while the node works", backup.text)
    checked = stage.terminal.run("fsck")
    stage.checks.say(checked.out)
    stage.checks.check(checked.code == 0, "all that the node keeps is sound", checked.text)
    sound = stage.terminal.run("audit", "verify")
    stage.checks.say(sound.out)
    stage.checks.check(sound.code == 0, "so is the chain of its audit log", sound.text)
    copy = stage.home.directory("forged") / "audit-000001.jsonl"
    lines = (stage.home.state / "audit" / copy.name).read_text(encoding="utf-8").splitlines(keepends=True)
    lines[FORGED - 1] = lines[FORGED - 1].replace('"who":"', '"who":"not-', 1)
    copy.write_text("".join(lines), encoding="utf-8")
    stage.checks.say(f"in a copy, somebody else stands in entry {FORGED}")
    found = stage.terminal.run("audit", "verify", copy)
    stage.checks.say(found.text)
    stage.checks.check(found.code == exits.FAILED, "a forged copy is refused", found.text)
    stage.checks.check(f"{copy.name}:{FORGED}: " in found.text, "and the place is named", found.text)
