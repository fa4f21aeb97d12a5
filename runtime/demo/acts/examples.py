"""The shipped examples, the genesis pipeline, a healed failure and a refused file."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from runtime.cli import exits
from runtime.demo.stage import Stage, scene, shipped
from runtime.demo.watching import has_event, spelled, watch


def digest_documents(stage: Stage) -> None:
    """A folder of text files becomes one Markdown report."""
    workspace = follow_example(stage, "document_digest")
    report = show_written(stage, workspace, "digest.md")
    missing = [file.name for file in workspace.glob("documents/*.txt") if file.name not in report]
    stage.checks.check(report and not missing, "with a section for each document", missing)


def check_a_table(stage: Stage) -> None:
    """A CSV file is filtered, grouped, aggregated and joined; no provider is asked."""
    workspace = follow_example(stage, "csv_quality_check")
    report = show_written(stage, workspace, "quality.md")
    with (workspace / "orders.csv").open(encoding="utf-8", newline="") as file:
        amounts = [row["amount"] for row in csv.DictReader(file)]
    good = sum(float(amount) for amount in amounts if amount and float(amount) >= 0)
    stage.checks.check(f"{good:g}" in report, f"with the sum that Python's csv finds, {good:g}", report)


def review_with_two_providers(stage: Stage) -> None:
    """gemini plans, claude reviews, sections side by side."""
    follow_example(stage, "two_provider_review")


def keep_the_context_small(stage: Stage) -> None:
    """Five steps that build on each other, and whose questions do not grow."""
    workspace = follow_example(stage, "steady_context")
    show_written(stage, workspace, "outputs/draft.txt")


def follow_example(stage: Stage, name: str) -> Path:
    """Runs an example as its README says, with live progress, in a working directory of its own."""
    workspace = stage.home.directory(name)
    shutil.copytree(shipped("examples", "data"), workspace, dirs_exist_ok=True)
    done = stage.terminal.live("run", shipped("examples", f"{name}.yaml"), "--workspace", workspace, "--follow")
    stage.checks.check(done.code == 0, f"{name} runs to its end", done.text)
    return workspace


def show_written(stage: Stage, workspace: Path, name: str) -> str:
    """Checks that the run wrote this file, shows its beginning and returns it ("" when there is none)."""
    file = workspace / name
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if stage.checks.check(text, f"it has written {name}", sorted(path.name for path in workspace.rglob("*"))):
        stage.checks.say(f"-- {name}\n" + "\n".join(text.splitlines()[:12]) + "\n--")
    return text


def run_genesis(stage: Stage) -> None:
    """The mission's pipeline in canonical form."""
    file = shipped("meta", "genesis_pipeline.yaml")
    valid = stage.terminal.run("validate", file)
    stage.checks.check(valid.code == 0, "it validates", valid.text)
    done = stage.terminal.run(
        "run", file, "--input", "pipeline_request=Summarise customer letters and list complaints", "--json"
    )
    outcome = done.facts
    genome = result_of(outcome, "generate_pipeline_dna")
    stage.checks.say(json.dumps(genome.get("result"), indent=2)[:800])
    stage.checks.check(done.code == 0 and outcome.get("status") == "succeeded", "it runs to its end", done.text)
    stage.checks.check("pipeline_genome" in str(genome.get("result")), "and gives a pipeline genome", genome)


def result_of(outcome: dict[str, Any], step: str) -> dict[str, Any]:
    """A step's result in a run's outcome; empty when it has none."""
    results: dict[str, Any] = outcome.get("results") or {}
    found: dict[str, Any] = results.get(step) or {}
    return found


def heal_a_step(stage: Stage) -> None:
    """A provider without a key refuses; the fallback actor finds an alternative that works."""
    run_id = stage.submit(scene("healing"))
    with stage.client() as client:
        events = watch(client, run_id)
        outcome = client.outcome(run_id, wait_s=5)
    stage.checks.check(has_event(events, "fallback_started", "review"), "the fallback is asked", spelled(events))
    healed = [event for event in events if event["kind"] == "fallback_succeeded"]
    stage.checks.check(healed, "an alternative works", spelled(events))
    for event in healed:
        stage.checks.say(f"what helped: {event.get('data')}")
    stage.checks.check(has_event(events, "run_succeeded"), "the run completes", spelled(events))
    stage.checks.check(result_of(outcome, "review").get("text"), "the step has an answer", outcome)


def refuse_a_broken_file(stage: Stage) -> None:
    """All mistakes at once, each with its place and the fix."""
    done = stage.terminal.run("validate", scene("broken"))
    stage.checks.say(done.text)
    stage.checks.check(done.code == exits.INVALID, "it is refused", done.text)
    for wanted, claim in (
        ("broken.yaml:", "with file, line and column"),
        ("claude_smart", "the nearest step type is suggested"),
        ("promt", "the unknown key is named"),
        ("nowhere", "so is the reference to a step that is not there"),
    ):
        stage.checks.check(wanted in done.text, claim, done.text)
