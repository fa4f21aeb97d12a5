"""Fallback and evolution in the node's real tree: real runs, journal and connections; only the vendors are played."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from actors.evolution import AwaitEvolution, EvolutionState, Evolve
from actors.journal import MemoryStore
from actors.kernel import ChildSpec, Kernel, LoopWatchdog
from actors.killswitch import KillView
from actors.providers import (
    Answer,
    ConnectionActor,
    ProviderPool,
    Request,
    UnavailableError,
    Usage,
    connection_name,
    pool_name,
)
from actors.runs import AwaitRun, RunEvent, RunOutcome, RunRequest, SubmitRun
from pipelines.language import Pipeline, build_pipeline, load_pipeline
from supervisors import Supervisor
from supervisors.tree import NodeParts, node_tree
from tests.support import run


class PlayedProvider:
    """Says the prompt's first words again; without a key it refuses everything."""

    def __init__(self, name: str, has_key: bool) -> None:
        self.name = name
        self._has_key = has_key

    async def complete(self, request: Request) -> Answer:
        if not self._has_key:
            raise UnavailableError("no_key", self.name, "there is no key")
        text = " ".join(request.prompt.split()[:8])
        data = {"found": text.split()} if request.json_schema else None
        return Answer(text, data, self.name, "played", Usage(len(request.prompt), 8), Decimal(0), "end_turn", {})

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        yield (await self.complete(request)).text

    async def aclose(self) -> None:
        """Holds nothing."""


def provider(name: str, has_key: bool) -> tuple[ChildSpec, ...]:
    connection = connection_name(name, 1)
    make = partial(PlayedProvider, name, has_key)
    return (
        ChildSpec(id=connection, actor_class=ConnectionActor, args=(name, make), name=connection),
        ChildSpec(id="pool", actor_class=ProviderPool, args=(name, (connection,)), name=pool_name(name)),
    )


async def in_tree(directory: Path, keys: Mapping[str, bool], main: Callable[[Kernel], Awaitable[Any]]) -> Any:
    kernel = Kernel()
    parts = NodeParts(
        state_dir=directory,
        journal=MemoryStore(),
        kill_view=KillView(),
        by_name=kernel.ref,
        providers={name: provider(name, has_key) for name, has_key in keys.items()},
        usable_providers=lambda: tuple(name for name, has_key in keys.items() if has_key),
        routes={"claude": "anthropic", "gemini": "gemini"},
        max_live_runs=1000,
        watchdog=ChildSpec(id="watchdog", actor_class=LoopWatchdog, name="loop_watchdog"),
        gateway=(),
    )
    try:
        await kernel.spawn(Supervisor, node_tree(parts), name="node", strategy="rest_for_one")
        return await main(kernel)
    finally:
        await kernel.shutdown()


SCHEMA = {"type": "object", "properties": {"found": {"type": "array"}}, "required": ["found"]}


def pipeline() -> Pipeline:
    steps: list[Any] = [
        {"name": "plan", "type": "gemini", "prompt": "Plan it. Be thorough. About {{inputs.topic}}."},
        {"name": "facts", "type": "claude_extract", "prompt": "Facts in {{steps.plan.text}}", "schema": SCHEMA},
        {
            "name": "parts",
            "type": "parallel_claude",
            "parallel_tasks": [
                {"id": "a", "prompt": "A {{inputs.topic}}"},
                {"id": "b", "prompt": "B {{inputs.topic}}"},
            ],
        },
        {"name": "report", "type": "claude", "prompt": "Write. {{steps.facts.result}} {{steps.parts.result}}"},
    ]
    return build_pipeline({"name": "tour", "inputs": {"topic": {}}, "steps": steps, "outputs": ["report"]})


async def outcome_of(kernel: Kernel, directory: Path) -> RunOutcome:
    runs = kernel.ref("runs")
    request = RunRequest("run-1", pipeline(), {"topic": "rivers"}, str(directory))
    await runs.call(SubmitRun(request))
    return await runs.call(AwaitRun("run-1", 20), timeout_s=25)


def test_steps_whose_vendor_has_no_key_are_healed_by_the_other_vendor(tmp_path: Path) -> None:
    events: list[RunEvent] = []

    async def main(kernel: Kernel) -> RunOutcome:
        kernel.events.subscribe(lambda event: events.append(event) if isinstance(event, RunEvent) else None)
        return await outcome_of(kernel, tmp_path)

    keys = {"anthropic": False, "gemini": True, "offline": True}
    outcome = run(in_tree(tmp_path / "state", keys, main), 40)
    assert outcome.status == "succeeded", outcome.error
    for step in ("facts", "parts", "report"):
        assert outcome.results[step]["recovery"]["strategy"] == "other_provider"
    assert "recovery" not in outcome.results["plan"]
    assert outcome.results["facts"]["result"]["found"]
    healed = {event.step for event in events if event.kind == "fallback_succeeded"}
    assert healed == {"facts", "parts", "report"}
    assert (tmp_path / "state" / "patterns.json").exists()


def test_without_any_vendor_the_offline_provider_is_an_ordinary_way(tmp_path: Path) -> None:
    keys = {"anthropic": False, "gemini": False, "offline": True}
    outcome = run(in_tree(tmp_path / "state", keys, lambda kernel: outcome_of(kernel, tmp_path)), 40)
    assert outcome.status == "succeeded", outcome.error
    assert outcome.results["plan"]["provider"] == "offline" and "degraded" not in outcome.results["plan"]


def test_with_nobody_left_text_steps_say_that_they_are_degraded_and_data_steps_fail(tmp_path: Path) -> None:
    keys = {"anthropic": False, "gemini": False, "offline": False}
    outcome = run(in_tree(tmp_path / "state", keys, lambda kernel: outcome_of(kernel, tmp_path)), 40)
    assert outcome.status == "failed" and outcome.error is not None
    assert outcome.error["step"] in {"facts", "parts"}


def test_a_pipeline_evolves_as_real_runs_and_the_best_is_a_pipeline(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> EvolutionState:
        desk = kernel.ref("breeding")
        order = Evolve(pipeline(), {"topic": "rivers"}, generations=2, population=4, budget_requests=30, seed=5)
        evolution_id = await desk.call(order)
        return await desk.call(AwaitEvolution(evolution_id, 40), timeout_s=45)

    keys = {"anthropic": False, "gemini": False, "offline": True}
    state = run(in_tree(tmp_path / "state", keys, main), 60)
    assert state.status == "succeeded", state.reason
    assert state.founder_fitness and state.best_fitness >= state.founder_fitness
    assert load_pipeline(state.best_yaml).name == "tour"
