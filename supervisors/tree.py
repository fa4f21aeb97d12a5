"""The node's supervision tree, as child specs. What is under what, and which failure reaches how far, is decided here.

node (rest_for_one: a floor that fails takes those that stand on it along, never those below)
├─ foundation (one_for_all)    audit_desk (one_for_one): audit · journal · kill_board · loop_watchdog
├─ treasury_desk (one_for_one)  treasury: budgets
├─ guardrails_desk (one_for_one)  breakers
├─ providers (one_for_one)     provider.<name>.supervisor: its connections and its pool
├─ memory_desk (one_for_one)   memory · sessions · library · retention
├─ runs_desk (rest_for_one)    pipelines (dynamic: one small tree per run) · runs
├─ approvals_desk (one_for_one)  trust · approvals
├─ recovery (one_for_one)      fallback
├─ evolution_desk (rest_for_one)  evolution (dynamic: one chamber's tree each) · breeding
├─ gateway (rest_for_one)      metrics_server · socket_server
└─ host (one_for_one)          core_binder · heap_keeper
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.approvals import ApprovalDesk
from actors.approvals import Audit as ApprovalAudit
from actors.approvals import unaudited as approvals_unaudited
from actors.audit import AuditBook, AuditLog, AuditPlace, arming_noted_by
from actors.breakers import Audit as BreakerAudit
from actors.breakers import BreakerDesk
from actors.breakers import unaudited as orders_unaudited
from actors.evolution import BreedingDesk
from actors.journal import Journal, JournalPlace
from actors.kernel import ActorRef, ChildSpec
from actors.killswitch import KillBoard, KillView
from actors.library import Library
from actors.memory import PatternDatabase
from actors.recovery import EmergentFallbackActor
from actors.retention import KEEP_ALL, Policy, Retention
from actors.runs import PipelineActor, RunDispatcher, RunRequest, Workbench
from actors.sessions import SessionDesk
from actors.steps import PriceOf, unknown_price
from actors.steps.asking import result_of
from actors.treasury import Audit, BudgetPlan, LeaseTable, Till, Treasury, unaudited
from actors.trust import TrustLedger
from pipelines.execution import ApprovalRules
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.phase_names import Maturity
from pipelines.guardrails.phases import Level
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

    `host` is what looks after the process. `providers` maps provider name to its children's specs; `usable_providers`
    tells which of them can answer now (have a key or need none). `by_name` is the kernel's `ref`. `price_of` prices
    calls of runs with a `max_cost_usd`.
    `breakers` is asked on every call and outlives the desk that keeps it; None: calls go unguarded.
    `leases` outlives the Treasury's crashes, so the node keeps it; `budget_audit` is asked before a budget is changed,
    `breaker_audit` before a person's order to a breaker is in force, `approval_audit` before trust answers in a
    person's place. `approval_rules` are what the node demands of approvals, `levels` are the guardrails by maturity.
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
    host: tuple[ChildSpec, ...] = ()
    price_of: PriceOf = unknown_price
    budgets: BudgetPlan = field(default_factory=BudgetPlan)
    leases: LeaseTable = field(default_factory=LeaseTable)
    budget_audit: Audit = unaudited
    breaker_audit: BreakerAudit = orders_unaudited
    approval_audit: ApprovalAudit = approvals_unaudited
    approval_rules: ApprovalRules = field(default_factory=ApprovalRules)
    levels: Mapping[Maturity, Level] = field(default_factory=dict[Maturity, Level])
    retention: Policy = KEEP_ALL
    breakers: BreakerPanel | None = None
    max_live_runs_per_tenant: int | None = None
    audit: AuditPart | None = None


@dataclass(frozen=True, slots=True)
class AuditPart:
    """The audit log's place and book; `wall` is Unix time in seconds. A tree without one audits nothing."""

    place: AuditPlace
    book: AuditBook
    segment_bytes: int
    wall: Callable[[], float]


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
        # Not in the foundation: its one_for_all would restart the journal with it. Above all that spends.
        supervisor("treasury_desk", _treasury(parts), "one_for_one", max_restarts=20, max_seconds=10.0),
        # Ahead of all that calls: what an earlier node had opened is open before the first call.
        supervisor("guardrails_desk", _guardrails(parts), "one_for_one", max_restarts=20, max_seconds=10.0),
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
        supervisor("approvals_desk", _approvals(parts), "one_for_one"),
        supervisor("recovery", _recovery(parts), "one_for_one"),
        supervisor("evolution_desk", _evolution(parts), "rest_for_one"),
        supervisor("gateway", parts.gateway, "rest_for_one"),
        # Last: nobody falls along with it, and the start is over, which wants all cores.
        supervisor("host", parts.host, "one_for_one", max_restarts=20, max_seconds=10.0),
    )


def _foundation(parts: NodeParts) -> tuple[ChildSpec, ...]:
    noted = {"note_arming": arming_noted_by(parts.by_name, parts.audit.wall)} if parts.audit is not None else {}
    return (
        *_audit(parts.audit),
        ChildSpec(id="journal", actor_class=Journal, args=(parts.journal,), name="journal", shutdown=30.0),
        ChildSpec(
            id="kill_board",
            actor_class=KillBoard,
            args=(parts.state_dir, parts.kill_view),
            kwargs=noted,
            name="kill_board",
        ),
        parts.watchdog,
    )


def _audit(part: AuditPart | None) -> tuple[ChildSpec, ...]:
    """First, so that it ends last. Under a supervisor of its own: a crash of it is no reason to restart the journal."""
    if part is None:
        return ()
    log = ChildSpec(
        id="audit",
        actor_class=AuditLog,
        args=(part.place, part.book),
        kwargs={"segment_bytes": part.segment_bytes},
        name="audit",
        shutdown=15.0,
    )
    return (supervisor("audit_desk", (log,), "one_for_one", max_restarts=10, max_seconds=30.0),)


def _treasury(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(
            id="treasury",
            actor_class=Treasury,
            args=(parts.state_dir, parts.leases, parts.budgets),
            kwargs={"audit": parts.budget_audit},
            name="treasury",
            shutdown=10.0,
        ),
    )


def _guardrails(parts: NodeParts) -> tuple[ChildSpec, ...]:
    if parts.breakers is None:
        return ()
    return (
        ChildSpec(
            id="breakers",
            actor_class=BreakerDesk,
            args=(parts.state_dir, parts.breakers),
            kwargs={"audit": parts.breaker_audit},
            name="breakers",
        ),
    )


def _memory(parts: NodeParts) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(id="memory", actor_class=PatternDatabase, args=(parts.state_dir,), name="memory"),
        ChildSpec(id="sessions", actor_class=SessionDesk, args=(parts.state_dir, result_of), name="sessions"),
        ChildSpec(id="library", actor_class=Library, args=(parts.state_dir,), name="library"),
        ChildSpec(id="retention", actor_class=Retention, args=(parts.retention,), name="retention"),
    )


def _runs(parts: NodeParts) -> tuple[ChildSpec, ...]:
    leases, price_of = parts.leases, parts.price_of
    bench = Workbench(
        kill_view=parts.kill_view,
        routes=parts.routes,
        price_of=price_of,
        levels=parts.levels,
        till_of=lambda kernel, holder, payer: Till(kernel, leases, holder, payer, price_of),
        breakers=parts.breakers,
        approval_rules=parts.approval_rules,
    )

    def run_child_spec(request: RunRequest) -> ChildSpec:
        return run_tree(request.run_id, PipelineActor, (request, bench))

    return (
        dynamic("pipelines", max_restarts=1_000, max_seconds=5.0),
        ChildSpec(
            id="runs",
            actor_class=RunDispatcher,
            args=(run_child_spec, bench),
            kwargs={
                "max_live_runs": parts.max_live_runs,
                "max_live_runs_per_tenant": parts.max_live_runs_per_tenant,
            },
            name="runs",
        ),
    )


def _approvals(parts: NodeParts) -> tuple[ChildSpec, ...]:
    # Not in the foundation, whose one_for_all would take the journal along, nor above the runs: these do not need it
    # to live. Steps that wait notice its end, look into the journal and ask again.
    # The ledger's crash takes no question along: while it is away persons are asked.
    desk = {"ledger": True, "audit": parts.approval_audit}
    return (
        ChildSpec(id="trust", actor_class=TrustLedger, args=(parts.state_dir,), name="trust"),
        ChildSpec(
            id="approvals", actor_class=ApprovalDesk, args=(parts.approval_rules,), kwargs=desk, name="approvals"
        ),
    )


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
            args=(parts.state_dir, chamber_tree(parts.by_name, tuple(parts.providers), parts.kill_view)),
            kwargs={"kill_view": parts.kill_view},
            name="breeding",
        ),
    )
