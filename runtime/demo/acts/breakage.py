"""Things are killed; the work completes."""

from __future__ import annotations

import os
import signal

from runtime.demo.stage import UP_TIMEOUT_S, Stage, scene
from runtime.demo.watching import Event, has_event, is_event, process_ended, spelled, watch

#: The offline provider has one connection in the demo.
CONNECTION = "connection.offline.1"
WORKED = "prepared, worked, finished"


def kill_a_step(stage: Stage) -> None:
    """A StepActor is killed while it works; its run starts it again."""
    run_id = stage.submit(scene("slow_work"))
    killed: list[int] = []

    def kill_once(event: Event) -> None:
        if is_event(event, "step_started", "work") and not killed:
            killed.append(stage.terminal.run("kill-actor", f"step.{run_id}.work").code)

    with stage.client() as client:
        events = watch(client, run_id, on_event=kill_once)
    stage.checks.check(killed == [0], "the running step is killed", killed)
    stage.checks.check(has_event(events, "step_restarted", "work"), "it is started again", spelled(events))
    started = sum(is_event(event, "step_started", "prepare") for event in events)
    stage.checks.check(started == 1, "the step before it is not repeated", spelled(events))
    succeeded(stage, run_id, events)


def kill_a_connection(stage: Stage) -> None:
    """The only connection of the provider is killed while each of two questions is under way."""
    run_id = stage.submit(scene("asking"))
    stage.checks.say(f"killing {CONNECTION} through the socket at each question")
    killed: list[str] = []
    with stage.client() as client:

        def kill_at_question(event: Event) -> None:
            # A look at the tree takes a few milliseconds, in which the question reaches the connection.
            if event.get("kind") == "step_started" and len(killed) < 2:
                client.get("/v1/tree")
                killed.append(client.post(f"/v1/actors/{CONNECTION}/kill", {})["killed"])

        events = watch(client, run_id, on_event=kill_at_question)
    stage.checks.check(len(killed) == 2, "the provider's connection is killed twice", killed)
    stage.checks.check(has_event(events, "step_retrying"), "who was asking retries", spelled(events))
    stage.checks.check(has_event(events, "run_succeeded"), "the run completes", spelled(events))
    alive = stage.terminal.run("ps", show=False)
    stage.checks.check(CONNECTION in alive.out, "a new connection has taken its place", alive.text)


def kill_the_node(stage: Stage) -> None:
    """The node is killed with a run half done; the next start finishes it."""
    pid = int(stage.status().get("pid", 0))
    run_id = stage.submit(scene("slow_work"))
    with stage.client() as client:
        before = watch(client, run_id, until=lambda event: is_event(event, "step_started", "work"))
    stage.checks.check(has_event(before, "step_succeeded", "prepare"), "the first step is done", spelled(before))
    stage.checks.say(f"$ kill -9 {pid}")
    if pid > 0:
        os.kill(pid, signal.SIGKILL)
    stage.checks.check(pid > 0 and process_ended(pid, 10.0), "the node is dead", pid)
    up = stage.terminal.run("up", "--detach", timeout_s=UP_TIMEOUT_S)
    stage.checks.check(up.code == 0, "it starts again on the socket left behind", up.text)
    with stage.client() as client:
        after = watch(client, run_id)
    stage.checks.check(has_event(after, "run_resumed"), "the run is resumed", spelled(after))
    stage.checks.check(
        not has_event(after, "step_started", "prepare"), "the finished step is not repeated", spelled(after)
    )
    succeeded(stage, run_id, after)


def succeeded(stage: Stage, run_id: str, events: list[Event]) -> None:
    """Checks that a run of `slow_work` ended well and gave the right answer."""
    stage.checks.check(has_event(events, "run_succeeded"), "the run completes", spelled(events))
    with stage.client() as client:
        outcome = client.outcome(run_id, wait_s=5)
    stage.checks.check(WORKED in str(outcome.get("results")), "with the right result", outcome)
