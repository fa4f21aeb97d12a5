"""Whether a run's end is recorded with its last step or afterwards, nobody can tell: random runs, both ways."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import asdict

from actors.journal import MemoryStore, SqliteFile
from actors.runs import PipelineActor, RunRequest, Workbench
from actors.runs.frames import FrameTree
from pipelines.guardrails.phases import Level
from supervisors.run_tree import run_tree
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

RUNS = 200
LEVEL = Level(
    "production",
    runtime_monitoring=frozenset({"error_rate_monitoring"}),
    post_execution=frozenset(
        {"output_quality_assessment", "performance_metrics_collection", "cost_analysis_and_optimization"}
    ),
    max_error_rate=0.5,
    min_steps=2,
)
VALUES = [
    "1",
    "text",
    "null",
    "[1, {x: 2}]",
    "x" * 40_000,
    "{usage: {input_tokens: 3, output_tokens: 4}, cost_usd: '0.25'}",
]
TIMES = {"duration_s", "tokens_per_s", "slowest"}


def any_step(rng: random.Random, name: str, before: list[str], chain: bool) -> str:
    """In YAML's flow form."""
    more = ""
    if chain or rng.random() < 0.8:
        needed = before[-1:] if chain or rng.random() < 0.6 else rng.sample(before, min(len(before), rng.randrange(3)))
        more += f", depends_on: [{', '.join(needed)}]"
    match rng.randrange(12):
        case 0 | 11:
            kind = "type: set_variable, variables: {v: 5}"
        case 1:
            items = "[1]" if chain else "[1, 2]"  # passes may be side by side
            kind = f"type: for_loop, data_source: {items}, steps: [{{name: in, type: test_echo, value: 1}}]"
        case 2:
            kind = f"type: switch, value: 1, cases: [{{when: 1, steps: [{{name: in_{name}, type: test_echo}}]}}]"
        case 3 | 4:
            on_error = rng.choice(["continue", "skip", "fail"])
            kind = f"type: test_echo, fail: true, retry: {{max_attempts: 1}}, on_error: {on_error}"
        case 5:
            kind = "type: test_echo, value: 2, condition: '1 > 2'"
        case _ if before and rng.random() < 0.5:
            kind = f"type: test_echo, value: '{{{{steps.{rng.choice(before)}}}}}'"
        case _:
            kind = f"type: test_echo, value: {rng.choice(VALUES)}"
    return f"  - {{name: {name}, {kind}{more}}}\n"


def any_pipeline(rng: random.Random, chain: bool) -> str:
    """A `chain` has no steps side by side."""
    names = [f"s{number}" for number in range(rng.randrange(1, 6))]
    outputs = rng.choice(["", f"outputs: [{names[-1]}]\n", "outputs: {v: '{{state.v}}'}\n"])
    outputs = "outputs: {no: '{{steps.s0.no}}'}\n" if rng.random() < 0.1 else outputs
    text = f"name: p\nvariables: {{v: 1}}\n{outputs}"
    text += rng.choice(["", "on_failure: finish\n", "limits: {max_tokens: 5}\n", "limits: {max_steps: 3}\n"])
    text += "steps:\n" + "".join(any_step(rng, name, names[:place], chain) for place, name in enumerate(names))
    if rng.random() < 0.1:
        text += "finally:\n  - {name: f, type: test_echo, value: 3}\n"
    return text


async def guarded(place: Any, level: Level) -> SmallNode:
    def spec(request: RunRequest, bench: Workbench) -> Any:
        return run_tree(request.run_id, PipelineActor, (request, replace(bench, levels={level.name: level})))

    return await small_node(store=place, run_child_spec=spec)


def timeless(value: Any) -> Any:
    """The same without what a clock had a say in, the order of steps by their slowness too."""
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {key: timeless(each) for key, each in named.items() if key not in TIMES}
    return [timeless(each) for each in cast("list[Any]", value)] if isinstance(value, list | tuple) else value


async def seen(node: SmallNode, text: str, run_id: str) -> tuple[Any, Any]:
    """What a run leaves: its outcome, its record, its events."""
    outcome = await node.run(text, run_id)
    record = await node.record(run_id)
    kept = record.outcome
    assert (outcome.status, outcome.duration_s, outcome.review) == (
        record.status,
        kept["duration_s"],
        kept.get("review"),
    ), text
    assert (outcome.outputs, outcome.error, outcome.usage) == (kept["outputs"], kept["error"], kept["usage"]), text
    steps = [(key, step.attempt, step.status, step.result) for key, step in record.steps.items()]
    events = [(event.seq, event.kind, event.step, event.data) for event in node.events if event.run_id == run_id]
    return timeless({**asdict(outcome), "run_id": ""}), timeless([steps, kept, events])


@pytest.mark.parametrize("kept_in", ["memory", "sqlite"])
def test_a_run_whose_end_is_foreseen_leaves_what_it_would_leave_otherwise(
    kept_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        seed = random.randrange(1 << 32)
        print("seed", seed)
        rng, foreseen, last = random.Random(seed), 0, FrameTree.is_last

        def never(tree: FrameTree, place: Any) -> bool:
            return False

        def told(tree: FrameTree, place: Any) -> bool:
            nonlocal foreseen
            foreseen += (is_last := last(tree, place))
            return is_last

        if kept_in == "memory":
            node = await guarded(MemoryStore(), LEVEL)
        else:  # a thread decides what a step that is cut off by its guardrails still records
            node = await guarded(SqliteFile(tmp_path / "journal.db"), replace(LEVEL, max_error_rate=None))
        for number in range(RUNS):
            text = any_pipeline(rng, chain=kept_in == "sqlite")  # whose thread decides what is first
            monkeypatch.setattr(FrameTree, "is_last", told)
            one = await seen(node, text, f"a{number}")
            monkeypatch.setattr(FrameTree, "is_last", never)
            assert await seen(node, text, f"b{number}") == one, text
        assert foreseen > RUNS / 4
        await node.kernel.shutdown()

    run(main(), 60)
