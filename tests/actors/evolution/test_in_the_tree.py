"""Fallback and evolution in the node's real tree: real runs, journal and connections; only the vendors are played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.evolution import (
    AwaitEvolution,
    CancelEvolution,
    EvolutionState,
    Evolve,
    GetEvolution,
    Organism,
    chamber_name,
)
from actors.evolution.chamber import BreedingChamber
from actors.journal import MemoryStore
from actors.kernel import ActorRef, ActorStarted, Kernel
from actors.providers import (
    ProviderCalled,
)
from actors.runs import AwaitRun, RunEvent, RunOutcome, RunRequest, SubmitRun
from pipelines.language import Pipeline, build_pipeline, load_pipeline
from tests.support import run
from tests.tree_for_tests import in_tree

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


OFFLINE_ONLY = {"anthropic": False, "gemini": False, "offline": True}


def small_order() -> Evolve:
    steps: list[Any] = [
        {"name": "plan", "type": "gemini", "prompt": "Plan it. Be thorough. About {{inputs.topic}}."},
        {"name": "report", "type": "claude", "prompt": "Write. Be brief. {{steps.plan.result}}"},
    ]
    bred = build_pipeline({"name": "tour", "inputs": {"topic": {}}, "steps": steps, "outputs": ["report"]})
    return Evolve(bred, {"topic": "rivers"}, generations=2, population=4, budget_requests=24, seed=5, evolution_id="e1")


async def evolved(kernel: Kernel) -> EvolutionState:
    desk = kernel.ref("breeding")
    await desk.call(small_order())
    return await desk.call(AwaitEvolution("e1", 40), timeout_s=45)


def ledger_of(directory: Path) -> bytes:
    return (directory / "evolution" / "e1" / "ledger.jsonl").read_bytes()


def at_step_of_evolution(kernel: Kernel, number: int, act: Callable[[], None]) -> None:
    """Calls `act` once, in the middle of a run: when the `number`th step of an evolution's runs has started."""
    seen = [0]

    def watch(event: Any) -> None:
        if isinstance(event, RunEvent) and event.kind == "step_started":
            seen[0] += 1
            if seen[0] == number:
                act()

    kernel.events.subscribe(watch)


def living(kernel: Kernel) -> list[ActorRef[Any]]:
    """Collects the organisms that start from now on."""
    organisms: list[ActorRef[Any]] = []

    def watch(event: Any) -> None:
        if isinstance(event, ActorStarted) and event.ref.actor_class is Organism:
            organisms.append(event.ref)

    kernel.events.subscribe(watch)
    return organisms


def test_organisms_killed_in_the_middle_of_a_run_are_replaced_and_the_run_is_neither_lost_nor_paid_twice(
    tmp_path: Path,
) -> None:
    async def sabotaged(kernel: Kernel) -> EvolutionState:
        organisms = living(kernel)

        def strike() -> None:
            for organism in organisms:
                organism.kill()

        at_step_of_evolution(kernel, 9, strike)
        return await evolved(kernel)

    calm = run(in_tree(tmp_path / "calm", OFFLINE_ONLY, evolved), 60)
    rough = run(in_tree(tmp_path / "rough", OFFLINE_ONLY, sabotaged), 60)
    assert (rough.status, rough.requests_used) == ("succeeded", calm.requests_used)
    assert ledger_of(tmp_path / "rough") == ledger_of(tmp_path / "calm")


def test_a_chamber_killed_in_the_middle_of_runs_goes_on_to_the_same_end(tmp_path: Path) -> None:
    async def sabotaged(kernel: Kernel) -> EvolutionState:
        at_step_of_evolution(kernel, 9, lambda: kernel.ref(chamber_name("e1")).kill())
        return await evolved(kernel)

    run(in_tree(tmp_path / "calm", OFFLINE_ONLY, evolved), 60)
    assert run(in_tree(tmp_path / "rough", OFFLINE_ONLY, sabotaged), 60).status == "succeeded"
    assert ledger_of(tmp_path / "rough") == ledger_of(tmp_path / "calm")


def test_an_evolution_whose_node_stops_in_the_middle_of_runs_goes_on_to_the_same_end(tmp_path: Path) -> None:
    async def interrupted(kernel: Kernel) -> None:
        reached = asyncio.Event()
        at_step_of_evolution(kernel, 9, reached.set)
        await kernel.ref("breeding").call(small_order())
        await asyncio.wait_for(reached.wait(), 20)

    async def resumed(kernel: Kernel) -> EvolutionState:
        return await kernel.ref("breeding").call(AwaitEvolution("e1", 40), timeout_s=45)

    run(in_tree(tmp_path / "calm", OFFLINE_ONLY, evolved), 60)
    journal = MemoryStore()
    run(in_tree(tmp_path / "cut", OFFLINE_ONLY, interrupted, journal), 60)
    assert run(in_tree(tmp_path / "cut", OFFLINE_ONLY, resumed, journal), 60).status == "succeeded"
    assert ledger_of(tmp_path / "cut") == ledger_of(tmp_path / "calm")


def test_a_cancelled_evolution_leaves_no_run_behind(tmp_path: Path) -> None:
    ended: list[str] = []

    async def main(kernel: Kernel) -> EvolutionState:
        reached, idle = asyncio.Event(), asyncio.Event()
        begun: set[str] = set()

        def watch(event: Any) -> None:
            if isinstance(event, RunEvent) and event.kind == "run_started":
                begun.add(event.run_id)
            if isinstance(event, RunEvent) and event.kind in {"run_cancelled", "run_succeeded"}:
                ended.append(event.kind)
                begun.discard(event.run_id)
                if reached.is_set() and not begun:
                    idle.set()

        kernel.events.subscribe(watch)
        at_step_of_evolution(kernel, 7, reached.set)
        desk = kernel.ref("breeding")
        await desk.call(small_order())
        await asyncio.wait_for(reached.wait(), 20)
        state = await desk.call(CancelEvolution("e1"), timeout_s=35)
        await asyncio.wait_for(idle.wait(), 5)
        return state

    assert run(in_tree(tmp_path, OFFLINE_ONLY, main), 60).status == "cancelled"
    assert "run_cancelled" in ended


def test_an_evolution_on_free_providers_never_falls_back_to_one_that_costs(tmp_path: Path) -> None:
    asked: list[str] = []

    async def main(kernel: Kernel) -> EvolutionState:
        kernel.events.subscribe(
            lambda event: asked.append(event.provider) if isinstance(event, ProviderCalled) else None
        )
        return await evolved(kernel)

    # The free provider refuses everything; the others would answer.
    state = run(in_tree(tmp_path, {"anthropic": True, "gemini": True, "offline": False}, main), 60)
    assert state.best_fitness == 0
    assert set(asked) == {"offline"}
    assert state.requests_used <= 24


def test_an_evolution_that_crashes_again_and_again_fails_alone(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> tuple[EvolutionState, bool]:
        def strike(event: Any) -> None:
            if isinstance(event, ActorStarted) and event.ref.actor_class is BreedingChamber:
                asyncio.get_running_loop().call_soon(event.ref.kill)

        kernel.events.subscribe(strike)
        desk = kernel.ref("breeding")
        node = kernel.registry.whereis("evolution_desk")
        await desk.call(small_order())
        await desk.call(AwaitEvolution("e1", 20), timeout_s=25)
        return await desk.call(GetEvolution("e1")), kernel.registry.whereis("evolution_desk") is node

    state, same_desk = run(in_tree(tmp_path, OFFLINE_ONLY, main), 60)
    assert state.status == "failed" and "chamber" in str(state.reason)
    assert same_desk
