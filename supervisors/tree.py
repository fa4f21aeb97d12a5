"""The node's supervision tree, as child specs. What is under what, and which failure reaches how far, is decided here.

node (rest_for_one: a floor that fails takes those that stand on it along, never those below)
├─ foundation (one_for_all)    journal · kill_board · loop_watchdog
├─ providers (one_for_one)     provider.<name>.supervisor: its connections and its pool
├─ memory_desk (one_for_one)   memory · sessions · library
├─ runs_desk (rest_for_one)    pipelines (dynamic: one small tree per run) · runs
├─ approvals_desk (one_for_one)  approvals
├─ recovery (one_for_one)      fallback
├─ evolution_desk (rest_for_one)  evolution (dynamic: one chamber's tree each) · breeding
└─ gateway (rest_for_one)      metrics_server · socket_server
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.approvals import ApprovalDesk
from actors.evolution import BreedingDesk
from actors.journal import Journal, JournalPlace
from actors.kernel import ActorRef, ChildSpec
from actors.killswitch import KillBoard, KillView
from actors.library import Library
from actors.memory import PatternDatabase
from actors.recovery import EmergentFallbackActor
from actors.runs import PipelineActor, RunDispatcher, RunRequest, Workbench
from actors.sessions import SessionDesk
from actors.steps import PriceOf, unknown_price
from actors.steps.asking import result_of
from supervisors.dynamic import DynamicSupervisor
from supervisors.evolution_tree import chamber_tree
from supervisors.run_tree import run_tree
from supervisors.strategy import Strategy
from supervisors.supervisor import Supervisor

#: A connection may be killed this often within the window before its provider's supervisor gives up.
PROVIDER_RESTARTS = 100
PROVIDER_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What the runtime puts into the tree.

    `providers` maps provider name to its children's specs; `usable_providers` tells which of them can answer now
    (have a key or need none). `by_name` is the kernel's `ref`. `price_of` prices calls of runs with a `max_cost_usd`.
    """

    state_dir: Path
    journal: JournalPlace
    kill_view: KillView
    by_name: Callable[[str], ActorRef[Any]]
    providers: Mapping[str, tuple[ChildSpec, ...]]
    usable_providers: Callable[[], Collection[str]]
    routes: Mapping[str, str]
    max_live_runs: int
    watchdog: ChildSpec
    gateway: tuple[ChildSpec, ...]
    price_of: PriceOf = unknown_price


def supervisor(child_id: str, children: tuple[ChildSpec, ...], strategy: Strategy, **options: Any) -> ChildSpec:
    """The spec of a named supervisor."""
    return ChildSpec(
        id=child_id,
        actor_class=Supervisor,
        args=(children,),
        kwargs={"strategy": strategy, **options},
        name=child_id,
        type="supervisor",
    )


def dynamic(child_id: str, **options: Any) -> ChildSpec:
    """The spec of a named dynamic supervisor."""
    return ChildSpec(id=child_id, actor_class=DynamicSupervisor, kwargs=options, name=child_id, type="supervisor")


def node_tree(parts: NodeParts) -> tuple[ChildSpec, ...]:
    """The root's children, in start order."""
    return (
        supervisor("foundation", _foundation(parts), "one_for_all"),
        supervisor(
            "providers",
            tuple(
                supervisor(
                    f"provider.{name}.supervisor",
                    children,
                    "one_for_one",
                    max_restarts=PROVIDER_RESTARTS,
                    max_seconds=PROVIDER_WINDOW_S,
                )
                for name, children in parts.providers.items()
            ),
            "one_for_one",
        ),
        supervisor("memory_desk", _memory(parts), "one_for_one"),
        supervisor("runs_desk", _runs(parts), "rest_for_one"),
        supervisor("approvals_desk", _approvals(), "one_for_one"),
        supervisor("recovery", _recovery(parts), "one_for_one"),
        supervisor("evolution_desk", _evolution(parts), "rest_for_one"),
        supervisor("gateway", parts.gateway, "rest_for_one"),
    )


def _foundation(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(id="journal", actor_class=Journal, args=(parts.journal,), name="journal", shutdown=30.0),
        ChildSpec(id="kill_board", actor_class=KillBoard, args=(parts.state_dir, parts.kill_view), name="kill_board"),
        parts.watchdog,
    )


def _memory(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(id="memory", actor_class=PatternDatabase, args=(parts.state_dir,), name="memory"),
        ChildSpec(id="sessions", actor_class=SessionDesk, args=(parts.state_dir, result_of), name="sessions"),
        ChildSpec(id="library", actor_class=Library, args=(parts.state_dir,), name="library"),
    )


def _runs(parts: NodeParts) -> tuple[ChildSpec, ...]:
    bench = Workbench(kill_view=parts.kill_view, routes=parts.routes, price_of=parts.price_of)

    def run_child_spec(request: RunRequest) -> ChildSpec:
        return run_tree(request.run_id, PipelineActor, (request, bench))

    return (
        dynamic("pipelines", max_restarts=1_000, max_seconds=5.0),
        ChildSpec(
            id="runs",
            actor_class=RunDispatcher,
            args=(run_child_spec, bench),
            kwargs={"max_live_runs": parts.max_live_runs},
            name="runs",
        ),
    )


def _approvals() -> tuple[ChildSpec, ...]:
    # Not in the foundation, whose one_for_all would take the journal along, nor above the runs: these do not need it
    # to live. Steps that wait notice its end, look into the journal and ask again.
    return (ChildSpec(id="approvals", actor_class=ApprovalDesk, name="approvals"),)


def _recovery(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(
            id="fallback",
            actor_class=EmergentFallbackActor,
            args=(parts.usable_providers,),
            kwargs={"kill_view": parts.kill_view},
            name="fallback",
        ),
    )


def _evolution(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        dynamic("evolution", max_restarts=20, max_seconds=60.0),
        ChildSpec(
            id="breeding",
            actor_class=BreedingDesk,
            args=(parts.state_dir, chamber_tree(parts.by_name, tuple(parts.providers))),
            name="breeding",
        ),
    )
