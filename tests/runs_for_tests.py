"""A small node for tests of runs: journal, pipelines, dispatcher, and step executors that tests control."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.journal import Journal, LoadRun, MemoryStore
from actors.kernel import ActorRef, ChildSpec, Clock, Kernel
from actors.killswitch import KillView
from actors.runs import (
    AwaitRun,
    PipelineActor,
    RunDispatcher,
    RunEvent,
    RunOutcome,
    RunRequest,
    SubmitRun,
    Workbench,
)
from actors.steps import STEP_EXECUTORS, Executor, StepContext
from pipelines.execution import ApprovalRules
from pipelines.language import load_pipeline
from supervisors import DynamicSupervisor, Supervisor
from supervisors.run_tree import run_tree


@dataclass
class Hands:
    """An executor whose attempts are counted, may wait for a gate, and may fail first."""

    calls: Counter[str] = field(default_factory=Counter[str])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    failures: dict[str, list[Exception]] = field(default_factory=dict[str, list[Exception]])
    active: int = 0
    most_active: int = 0

    async def __call__(self, context: StepContext) -> Any:
        self.calls[context.key] += 1
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            gate = self.gates.get(context.key)
            if gate is not None:
                await gate.wait()
            waiting = self.failures.get(context.key)
            if waiting:
                raise waiting.pop(0)
            return await STEP_EXECUTORS["test_echo"](context)
        finally:
            self.active -= 1


@dataclass
class SmallNode:
    """Made by `small_node`."""

    kernel: Kernel
    bench: Workbench
    store: MemoryStore
    hands: Hands
    events: list[RunEvent]
    top: ActorRef[Any]

    async def submit(self, text: str, run_id: str = "r1", **more: Any) -> str:
        inputs: dict[str, Any] = more.pop("inputs", {})
        workspace: str = more.pop("workspace", "/nonexistent")
        request = RunRequest(run_id, load_pipeline(text), inputs, workspace, text, **more)
        submitted: str = await self.kernel.ref("runs").call(SubmitRun(request), timeout_s=30.0)
        return submitted

    async def outcome(self, run_id: str = "r1", timeout_s: float = 5.0) -> RunOutcome:
        outcome: RunOutcome = await self.kernel.ref("runs").call(AwaitRun(run_id, timeout_s), timeout_s=timeout_s + 5)
        return outcome

    async def run(self, text: str, run_id: str = "r1", **more: Any) -> RunOutcome:
        return await self.outcome(await self.submit(text, run_id, **more))

    async def record(self, run_id: str = "r1") -> Any:
        return await self.kernel.ref("journal").call(LoadRun(run_id))

    def kinds(self, step: str | None = None) -> list[str]:
        return [event.kind for event in self.events if event.step == step]


async def small_node(
    *,
    store: MemoryStore | None = None,
    executors: Mapping[str, Executor] | None = None,
    routes: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    view: KillView | None = None,
    dispatcher: Mapping[str, Any] | None = None,
    run_child_spec: Callable[[RunRequest, Workbench], ChildSpec] | None = None,
    approval_rules: ApprovalRules | None = None,
) -> SmallNode:
    """Starts one; end it with `await node.kernel.shutdown()`."""
    kernel = Kernel(clock=clock)
    hands = Hands()
    bench = Workbench(
        view or KillView(),
        routes or {},
        {**STEP_EXECUTORS, "test_echo": hands, **(executors or {})},
        record_timeout_s=5.0,
        approval_rules=approval_rules or ApprovalRules(),
    )
    kept = store or MemoryStore()
    events: list[RunEvent] = []
    kernel.events.subscribe(lambda event: events.append(event) if isinstance(event, RunEvent) else None)

    def spec_of(request: RunRequest) -> ChildSpec:
        if run_child_spec is not None:
            return run_child_spec(request, bench)
        return run_tree(request.run_id, PipelineActor, (request, bench))

    children = (
        ChildSpec(id="journal", actor_class=Journal, args=(kept,), name="journal"),
        ChildSpec(id="pipelines", actor_class=DynamicSupervisor, name="pipelines", type="supervisor"),
        ChildSpec(id="runs", actor_class=RunDispatcher, args=(spec_of, bench), kwargs=dispatcher or {}, name="runs"),
    )
    top = await kernel.spawn(Supervisor, children, max_restarts=20, name="top")
    return SmallNode(kernel, bench, kept, hands, events, top)


def echoes(*lines: str, name: str = "p", head: str = "") -> str:
    """A pipeline of test_echo steps; each line is `name: value` in YAML's flow form, with further keys after `;`."""
    steps: list[str] = []
    for line in lines:
        first, *more = (part.strip() for part in line.split(";"))
        step, _, value = first.partition(":")
        steps.append(f"  - name: {step.strip()}\n    type: test_echo\n    value: {value.strip() or 'null'}")
        steps += [f"    {each}" for each in more]
    return f"name: {name}\n{head}steps:\n" + "\n".join(steps) + "\n"
