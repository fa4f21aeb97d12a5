"""Evolutions as actors: budgets, ledgers, determinism, deaths, and the desk that knows of all of them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.disk import SupersededError
from actors.evolution import (
    AwaitEvolution,
    BreedingDesk,
    CancelEvolution,
    EvolutionState,
    EvolutionStillRunningError,
    EvolutionsUnder,
    EvolutionSwitchedOffError,
    Evolve,
    GetEvolution,
    InvalidOrderError,
    NoSuchEvolutionError,
    Organism,
    TooManyEvolutionsError,
    chamber_name,
)
from actors.evolution import ledger as ledger_module
from actors.evolution.errors import LedgerError
from actors.evolution.ledger import read
from actors.evolution.progress import replayed, state_of
from actors.kernel import ActorRef, ActorStarted, Kernel
from actors.killswitch import KillBoard, KillView, TriggerSwitch
from actors.runs.errors import KillSwitchedError, TooManyRunsError
from actors.runs.values import RunRequest
from pipelines.genetics import Weights
from pipelines.guardrails.kill_switch import Level, Switch, key_of
from pipelines.language import InvalidInputsError, Pipeline, build_pipeline, load_pipeline
from supervisors.dynamic import DynamicSupervisor
from supervisors.evolution_tree import chamber_tree
from tests.actors.runs_for_tests import Script, ScriptedRuns, failed, succeeded
from tests.support import run

PROVIDERS = ("anthropic", "gemini", "offline")


def pipeline() -> Pipeline:
    return build_pipeline(
        {
            "name": "review",
            "inputs": {"topic": {"type": "string"}},
            "steps": [
                {"name": "plan", "type": "gemini", "prompt": "Plan it. Be thorough. About {{inputs.topic}}."},
                {"name": "side", "type": "claude", "prompt": "Look aside. Be quick."},
                {"name": "report", "type": "claude", "prompt": "Write it up. Use {{steps.plan.result}}."},
            ],
            "outputs": ["report"],
        }
    )


def obedient(request: RunRequest) -> Any:
    """Answers that grow with the prompts, so that shorter prompts are better."""
    results: dict[str, Any] = {}
    for step in request.pipeline.steps:
        tokens = len(getattr(step, "prompt", ""))
        usage = {"input_tokens": tokens, "output_tokens": 10}
        results[step.name] = {"text": "rivers carry water", "result": "rivers carry water", "usage": usage}
    return succeeded(request, results, {"report": "rivers carry water"})


def order(**keys: Any) -> Evolve:
    given: dict[str, Any] = {"inputs": {"topic": "rivers"}, "budget_requests": 60, "population": 5}
    given |= {"generations": 3, "evolution_id": "e1"}
    return Evolve(pipeline(), **(given | keys))


async def in_world(
    directory: Path,
    main: Callable[[Kernel], Awaitable[Any]],
    script: Script = obedient,
    log: list[Any] | None = None,
    view: KillView | None = None,
    **options: Any,
) -> Any:
    kernel = Kernel()
    try:
        await kernel.spawn(ScriptedRuns, script, [] if log is None else log, name="runs")
        await kernel.spawn(DynamicSupervisor, name="evolution")
        tree = chamber_tree(kernel.ref, PROVIDERS, view)
        await kernel.spawn(BreedingDesk, directory, tree, name="breeding", kill_view=view, **options)
        return await main(kernel)
    finally:
        await kernel.shutdown()


async def evolve(kernel: Kernel, message: Evolve) -> EvolutionState:
    desk = kernel.ref("breeding")
    evolution_id = await desk.call(message)
    return await desk.call(AwaitEvolution(evolution_id, timeout_s=25), timeout_s=30)


def ledger_of(directory: Path, evolution_id: str = "e1") -> Path:
    return directory / "evolution" / evolution_id / "ledger.jsonl"


def test_an_evolution_spends_its_budget_and_leaves_a_best_pipeline_that_loads(tmp_path: Path) -> None:
    log: list[Any] = []
    state: EvolutionState = run(in_world(tmp_path, lambda kernel: evolve(kernel, order()), log=log), 30)
    assert (state.status, state.generation) == ("succeeded", 3)
    assert state.requests_used == len(log) <= 60
    assert state.best_fitness is not None and state.founder_fitness is not None
    assert state.best_fitness >= state.founder_fitness
    best = (tmp_path / "evolution" / "e1" / "best.yaml").read_text()
    assert best == state.best_yaml
    loaded = load_pipeline(best)
    assert loaded.content_hash == state.best_id and loaded.outputs == ("report",)


def test_every_organism_runs_as_a_run_of_its_own_on_providers_that_cost_nothing(tmp_path: Path) -> None:
    log: list[RunRequest] = []
    run(in_world(tmp_path, lambda kernel: evolve(kernel, order()), log=log), 30)
    assert {request.origin for request in log} == {"evolution"}
    assert {step.provider for request in log for step in request.pipeline.steps} == {"offline"}
    assert len({request.run_id for request in log}) == len(log)
    assert all(Path(request.workspace).is_dir() for request in log)


def test_the_same_seed_gives_the_same_ledger_whatever_runs_side_by_side(tmp_path: Path) -> None:
    async def one(kernel: Kernel) -> Any:
        return await evolve(kernel, order(seed=7))

    def with_parallel(directory: Path, count: int) -> bytes:
        async def main() -> None:
            kernel = Kernel()
            tree = chamber_tree(kernel.ref, PROVIDERS)

            def spec(evolution_id: str, wanted: Evolve, place: Path) -> Any:
                child = tree(evolution_id, wanted, place)
                child.args[0][1].kwargs["max_parallel"] = count
                return child

            await kernel.spawn(ScriptedRuns, obedient, [], name="runs")
            await kernel.spawn(DynamicSupervisor, name="evolution")
            await kernel.spawn(BreedingDesk, directory, spec, name="breeding")
            await one(kernel)
            await kernel.shutdown()

        run(main(), 30)
        return ledger_of(directory).read_bytes()

    one_by_one, together = with_parallel(tmp_path / "a", 1), with_parallel(tmp_path / "b", 16)
    assert one_by_one == together
    run(in_world(tmp_path / "c", lambda kernel: evolve(kernel, order(seed=8))), 30)
    assert ledger_of(tmp_path / "c").read_bytes() != together


def test_the_ledger_alone_gives_the_state_again_and_is_for_the_owner_only(tmp_path: Path) -> None:
    state = run(in_world(tmp_path, lambda kernel: evolve(kernel, order())), 30)
    path = ledger_of(tmp_path)
    evolution_id, read_order, progress = replayed(read(path))
    assert state_of(evolution_id, read_order, progress, str(path.parent)) == state
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_name("best.yaml").stat().st_mode & 0o777 == 0o600


def test_killed_organisms_and_a_killed_chamber_change_nothing(tmp_path: Path) -> None:
    def saboteur(kernel: Kernel) -> Callable[[Any], None]:
        seen: list[int] = [0]

        def strike(event: Any) -> None:
            if isinstance(event, ActorStarted):
                ref: ActorRef[Any] = event.ref
                if ref.actor_class is Organism:
                    seen[0] += 1
                    if seen[0] in (2, 5):
                        ref.kill()
            if isinstance(event, EvolutionState) and event.generation == 1 and seen[0] < 100:
                seen[0] += 100
                kernel.ref(chamber_name("e1")).kill()

        return strike

    async def sabotaged(kernel: Kernel) -> Any:
        kernel.events.subscribe(saboteur(kernel))
        return await evolve(kernel, order(seed=3))

    calm = run(in_world(tmp_path / "calm", lambda kernel: evolve(kernel, order(seed=3))), 30)
    rough = run(in_world(tmp_path / "rough", sabotaged), 40)
    assert (rough.status, rough.best_id) == ("succeeded", calm.best_id)
    assert ledger_of(tmp_path / "rough").read_bytes() == ledger_of(tmp_path / "calm").read_bytes()


def test_lines_that_a_killed_chamber_had_still_to_write_are_not_written_behind_its_successors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = run(in_world(tmp_path / "calm", lambda kernel: evolve(kernel, order(seed=3))), 30)
    append, gate, entered, refused = ledger_module.append, threading.Event(), threading.Event(), threading.Event()

    def held_once(path: Path, lines: Any, turn: Any = None) -> None:
        if entered.is_set() or lines[-1]["kind"] != "generation":
            append(path, lines, turn)
            return
        entered.set()
        assert gate.wait(30)
        try:
            append(path, lines, turn)
        except LedgerError as error:
            assert isinstance(error.__cause__, SupersededError)
            refused.set()
            raise

    async def cut_off(kernel: Kernel) -> EvolutionState:
        evolution = asyncio.create_task(evolve(kernel, order(seed=3)))
        assert await asyncio.to_thread(entered.wait, 10)
        kernel.ref(chamber_name("e1")).kill()
        state = await evolution
        gate.set()
        assert await asyncio.to_thread(refused.wait, 10)
        return state

    monkeypatch.setattr(ledger_module, "append", held_once)
    state = run(in_world(tmp_path / "cut", cut_off), 40)
    assert (state.status, state.best_id) == ("succeeded", calm.best_id)
    assert ledger_of(tmp_path / "cut").read_bytes() == ledger_of(tmp_path / "calm").read_bytes()


def test_after_a_restart_of_the_node_an_unfinished_evolution_goes_on_to_the_same_end(tmp_path: Path) -> None:
    calm = run(in_world(tmp_path / "calm", lambda kernel: evolve(kernel, order(seed=3))), 30)

    async def interrupted(kernel: Kernel) -> None:
        reached = asyncio.Event()

        def watch(event: Any) -> None:
            if isinstance(event, EvolutionState) and event.generation == 1:
                reached.set()

        kernel.events.subscribe(watch)
        await kernel.ref("breeding").call(order(seed=3))
        await reached.wait()

    async def resumed(kernel: Kernel) -> Any:
        return await kernel.ref("breeding").call(AwaitEvolution("e1", 25), timeout_s=30)

    run(in_world(tmp_path / "cut", interrupted), 30)
    with ledger_of(tmp_path / "cut").open("a") as file:
        file.write('{"kind":"born","genome":"torn')
    state = run(in_world(tmp_path / "cut", resumed), 30)
    assert (state.status, state.best_id, state.requests_used) == ("succeeded", calm.best_id, calm.requests_used)
    assert ledger_of(tmp_path / "cut").read_bytes() == ledger_of(tmp_path / "calm").read_bytes()


def test_genomes_that_fail_are_the_worst_and_lose(tmp_path: Path) -> None:
    def hates_gemini(request: RunRequest) -> Any:
        return failed(request) if any(each.type == "gemini" for each in request.pipeline.steps) else obedient(request)

    wanted = order(generations=5, population=12, budget_requests=300)
    state = run(in_world(tmp_path, lambda kernel: evolve(kernel, wanted), hates_gemini), 30)
    assert state.founder_fitness == 0
    assert state.best_fitness is not None and state.best_fitness > 0.3


def test_a_kill_switch_stops_the_evolution_and_says_which(tmp_path: Path) -> None:
    switch = Switch(Level.NODE, "", "too costly", "ops", 0.0)
    state = run(in_world(tmp_path, lambda k: evolve(k, order()), lambda _: KillSwitchedError(switch)), 30)
    assert state.status == "stopped" and "too costly" in str(state.reason)


@pytest.mark.parametrize(
    ("level", "name", "stops"),
    [
        ("evolution", "", True),
        ("tenant", "ada", True),
        ("pipeline", "review", True),
        ("node", "", True),
        ("tenant", "bob", False),
        ("step", "claude", False),
    ],
)
def test_a_kill_switch_stops_the_breeding_it_covers_at_once_with_its_runs_and_lets_no_more_begin(
    tmp_path: Path, level: str, name: str, stops: bool
) -> None:
    log: list[Any] = []
    view = KillView()

    async def main(kernel: Kernel) -> None:
        board = await kernel.spawn(KillBoard, tmp_path / "state", view, name="kill_board")
        desk = kernel.ref("breeding")
        evolution_id = await desk.call(order(tenant="ada"))
        while not log:
            await asyncio.sleep(0)
        switch = Switch(*key_of(level, name), "a dry run", "", 0.0)
        assert await desk.call(EvolutionsUnder(switch)) == ((evolution_id,) if stops else ())
        await board.call(TriggerSwitch(level, name, "too costly", "ops"))
        if not stops:
            with pytest.raises(EvolutionStillRunningError):
                await desk.call(AwaitEvolution(evolution_id, timeout_s=0.01))
            return
        state = await desk.call(AwaitEvolution(evolution_id, timeout_s=10), timeout_s=12)
        assert (state.status, "too costly" in state.reason) == ("stopped", True)
        assert {entry[1] for entry in log if isinstance(entry, tuple)} == {log[0].run_id}
        with pytest.raises(EvolutionSwitchedOffError, match="too costly"):
            await desk.call(order(evolution_id="e2", tenant="ada"))

    run(in_world(tmp_path, main, lambda _: None, log, view=view))
    # What was stopped does not go on with the next node, armed or not.
    if stops:
        again = run(in_world(tmp_path, lambda kernel: kernel.ref("breeding").call(GetEvolution("e1"))))
        assert (again.status, again.tenant) == ("stopped", "ada")


def test_an_unfinished_evolution_does_not_go_on_in_a_node_that_starts_with_its_switch_in_force(tmp_path: Path) -> None:
    log: list[Any] = []

    async def begin(kernel: Kernel) -> None:
        await kernel.ref("breeding").call(order())
        while not log:
            await asyncio.sleep(0)

    run(in_world(tmp_path, begin, lambda _: None, log))
    switch = Switch(Level.EVOLUTION, "", "too costly", "ops", 0.0)
    asked: list[Any] = []

    async def wait(kernel: Kernel) -> EvolutionState:
        return await kernel.ref("breeding").call(AwaitEvolution("e1", timeout_s=10), timeout_s=12)

    view = KillView({switch.key: switch})
    state = run(in_world(tmp_path, wait, lambda _: None, asked, view=view))
    assert (state.status, asked) == ("stopped", [])


def test_no_room_for_runs_is_tried_again_and_not_held_against_a_genome(tmp_path: Path) -> None:
    calls: list[int] = []

    def crowded(request: RunRequest) -> Any:
        calls.append(1)
        return TooManyRunsError(1) if len(calls) in (1, 4) else obedient(request)

    state = run(in_world(tmp_path, lambda kernel: evolve(kernel, order(generations=1)), crowded), 30)
    assert state.status == "succeeded"
    samples = [line for line in read(ledger_of(tmp_path)) if line["kind"] == "sampled"]
    assert {line["status"] for line in samples} == {"succeeded"}


def test_a_budget_of_one_request_measures_the_founder_and_ends(tmp_path: Path) -> None:
    log: list[Any] = []
    state = run(in_world(tmp_path, lambda kernel: evolve(kernel, order(budget_requests=1)), log=log), 30)
    assert (state.status, state.requests_used, len(log)) == ("succeeded", 1, 1)
    assert "budget of 1" in str(state.reason)
    assert load_pipeline(state.best_yaml).content_hash == pipeline().content_hash


def test_weights_decide_what_is_bred_for(tmp_path: Path) -> None:
    tokens = Weights(speed=0, token_efficiency=1, error_recovery=0, output_quality=0)
    wanted = order(weights=tokens, population=12, budget_requests=150)
    state = run(in_world(tmp_path, lambda kernel: evolve(kernel, wanted)), 30)
    assert state.best_objectives["token_efficiency"] > 0.5


def test_orders_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    async def main(kernel: Kernel) -> None:
        desk = kernel.ref("breeding")
        for wrong in ({"population": 1}, {"generations": 0}, {"budget_requests": 0}, {"evolution_id": "../x"}):
            with pytest.raises(InvalidOrderError):
                await desk.call(order(**wrong))
        with pytest.raises(InvalidInputsError):
            await desk.call(order(inputs={}))
        for unknown in (GetEvolution("nobody"), AwaitEvolution("nobody"), CancelEvolution("nobody")):
            with pytest.raises(NoSuchEvolutionError):
                await desk.call(unknown)

    run(in_world(tmp_path, main))
    assert not (tmp_path / "evolution").exists()


def test_a_live_evolution_can_be_looked_at_waited_for_and_cancelled(tmp_path: Path) -> None:
    log: list[Any] = []

    async def main(kernel: Kernel) -> EvolutionState:
        desk = kernel.ref("breeding")
        evolution_id = await desk.call(order())
        while not log:
            await asyncio.sleep(0)
        with pytest.raises(EvolutionStillRunningError):
            await desk.call(AwaitEvolution(evolution_id, timeout_s=0.01))
        with pytest.raises(TooManyEvolutionsError):
            await desk.call(order(evolution_id="e2"))
        assert (await desk.call(GetEvolution(evolution_id))).status == "running"
        return await desk.call(CancelEvolution(evolution_id))

    state = run(in_world(tmp_path, main, lambda _: None, log, max_live=1))
    assert state.status == "cancelled"
    assert {entry[1] for entry in log if isinstance(entry, tuple)} == {log[0].run_id}
    assert json.loads(ledger_of(tmp_path).read_text().splitlines()[-1])["status"] == "cancelled"
    assert run(in_world(tmp_path, lambda kernel: kernel.ref("breeding").call(GetEvolution("e1")))).status == "cancelled"


def test_a_damaged_ledger_is_known_as_failed_and_the_desk_lives(tmp_path: Path) -> None:
    path = ledger_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('nonsense\n{"kind":"ended"}\n')
    state = run(in_world(tmp_path, lambda kernel: kernel.ref("breeding").call(GetEvolution("e1"))))
    assert state.status == "failed" and "line 1" in state.reason


def test_a_disk_that_refuses_fails_the_evolution_and_not_the_node(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = run(in_world(tmp_path / "file", lambda kernel: evolve(kernel, order())), 30)
    assert state.status == "failed" and "ledger.jsonl" in str(state.reason)
