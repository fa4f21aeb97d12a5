"""Kill switches: what they stop pauses with its reason, and goes on once they are armed again."""

from __future__ import annotations

import time

from runtime.cli import exits
from runtime.demo.stage import Stage, scene
from runtime.demo.watching import Event, has_event, is_event, spelled, watch

REASON = "the demo says stop"


def pause_one_pipeline(stage: Stage) -> None:
    """By the command line, at pipeline level."""
    run_id = stage.submit(scene("slow_work"))
    moments: dict[str, float] = {}
    codes: list[int] = []

    def act(event: Event) -> None:
        kind = str(event.get("kind"))
        moments.setdefault(kind, time.monotonic())
        if is_event(event, "step_started", "work") and not codes:
            codes.append(stage.terminal.run("kill", "pipeline", "slow_work", "--reason", REASON).code)
            moments["told"] = time.monotonic()
        if kind == "run_paused":
            refused = stage.terminal.run("run", scene("slow_work"), "--detach")
            stage.checks.check(refused.code == exits.REFUSED, "new runs of it are refused", refused.text)
            codes.append(stage.terminal.run("arm", "pipeline", "slow_work", "--reason", "go on").code)

    with stage.client() as client:
        events = watch(client, run_id, on_event=act)
    paused = [event for event in events if is_event(event, "run_paused")]
    stage.checks.check(codes == [0, 0], "the switch is triggered and armed again", codes)
    stage.checks.check(paused, "the run is paused", spelled(events))
    stage.checks.check(REASON in str(paused), "and says why", paused)
    late = moments.get("run_paused", float("inf")) - moments.get("told", 0.0)
    stage.checks.check(late < 1.0, "within a second", f"{late:.2f} s")
    stage.checks.check(has_event(events, "run_succeeded"), "armed again, it completes", spelled(events))


def stop_everything(stage: Stage) -> None:
    """By a file in the state directory, at node level: works without the command line."""
    run_id = stage.submit(scene("slow_work"))
    file = stage.home.state / "kill" / "node"
    armed: list[int] = []

    def act(event: Event) -> None:
        if is_event(event, "step_started", "work") and not armed:
            reach = stage.terminal.run("kill", "node", "--dry-run")
            stage.checks.say(reach.out)
            stage.checks.check(run_id in reach.out, "a dry run shows what would stop", reach.text)
            stage.checks.say(f"$ touch {file.relative_to(stage.home.root)}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        if is_event(event, "run_paused"):
            file.unlink(missing_ok=True)
            armed.append(stage.terminal.run("arm", "node", "--reason", "go on").code)

    with stage.client() as client:
        events = watch(client, run_id, on_event=act)
    stage.checks.check(has_event(events, "run_paused"), "the run is paused", spelled(events))
    stage.checks.check(armed == [0], "the node is armed again", armed)
    stage.checks.check(has_event(events, "run_succeeded"), "and the run completes", spelled(events))
