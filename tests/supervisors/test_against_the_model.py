"""The real supervisors beside a reference model written from the list: random trees, random ends, one manual clock.

Hypothesis prints the steps and the seed of a failure.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.kernel import (
    Actor,
    ActorRef,
    ChildSpec,
    DeleteChild,
    Kernel,
    KernelError,
    ManualClock,
    RestartChild,
    Shutdown,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from supervisors import Supervisor
from tests.actors_for_tests import Boom
from tests.supervisors.reference_model import Branch, End, Leaf, Node, Spec, Tree

_QUIET_PASSES = 12
_RESTARTS = ["permanent", "transient", "temporary"]
_STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]
_AUTO_SHUTDOWNS = ["never", "any_significant", "all_significant"]


class World:
    """What the real workers write to and read from."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.failing: dict[str, int] = {}


class Worker(Actor):
    def __init__(self, world: World, label: str) -> None:
        super().__init__()
        self.world = world
        self.label = label

    def on_start(self) -> None:
        if self.world.failing.get(self.label, 0) > 0:
            self.world.failing[self.label] -= 1
            raise Boom
        self.world.log.append(("start", self.label))

    def on_stop(self) -> None:
        self.world.log.append(("stop", self.label))

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message


class SlowWorker(Worker):
    """The same, but every hook waits a little first."""

    async def on_start(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().on_start()

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().on_stop()


class Breakable(Supervisor):
    """A supervisor that crashes when it is told to."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return super().on_receive(message)


def real_spec(spec: Spec, world: World, worker: type[Worker]) -> ChildSpec:
    if isinstance(spec, Leaf):
        return ChildSpec(spec.id, worker, (world, spec.id), restart=spec.restart, significant=spec.significant)
    return ChildSpec(
        spec.id,
        Breakable,
        (tuple(real_spec(child, world, worker) for child in spec.children),),
        {
            "strategy": spec.strategy,
            "auto_shutdown": spec.auto_shutdown,
            "max_restarts": spec.max_restarts,
            "max_seconds": spec.max_seconds,
        },
        restart=spec.restart,
        significant=spec.significant,
        type="supervisor",
    )


@st.composite
def children(draw: st.DrawFn, prefix: str, depth: int) -> tuple[Spec, ...]:
    specs: list[Spec] = []
    for place in range(draw(st.integers(1, 4))):
        child_id = f"{prefix}{'abcd'[place]}"
        restart: Any = draw(st.sampled_from(_RESTARTS))
        significant = restart != "permanent" and draw(st.booleans())
        if depth and draw(st.integers(0, 2)) == 0:
            specs.append(draw(branches(child_id, depth - 1, restart, significant)))
        else:
            specs.append(Leaf(child_id, restart, significant))
    return tuple(specs)


@st.composite
def branches(draw: st.DrawFn, child_id: str, depth: int, restart: Any, significant: bool) -> Branch:
    return Branch(
        child_id,
        draw(children(child_id, depth)),
        restart,
        significant,
        draw(st.sampled_from(_STRATEGIES)),  # type: ignore[arg-type]
        draw(st.sampled_from(_AUTO_SHUTDOWNS)),  # type: ignore[arg-type]
        draw(st.integers(0, 4)),
        draw(st.sampled_from([1.0, 3.0, 10.0])),
    )


class SupervisorsMatchTheModel(RuleBasedStateMachine):
    """Each rule does the same to both and waits until the real one is quiet."""

    @initialize(
        root=branches("", 2, "permanent", False),
        worker=st.sampled_from([Worker, SlowWorker]),
    )
    def grow(self, root: Branch, worker: type[Worker]) -> None:
        self.runner = asyncio.Runner()
        self.world = World()
        self.worker = worker
        self.clock = ManualClock()
        self.in_order = True
        self.tree = Tree(root)
        self.real: ActorRef[Any] = self.runner.run(self._start(real_spec(root, self.world, worker)))

    async def _start(self, spec: ChildSpec) -> ActorRef[Any]:
        self.kernel = Kernel(clock=self.clock)
        return await self.kernel.spawn(spec.actor_class, *spec.args, **spec.kwargs)

    def alive(self) -> bool:
        return self.tree.root.running

    # ---- rules ---------------------------------------------------------------------------------------------

    @precondition(alive)
    @rule(place=st.integers(0, 30), how=st.sampled_from(["normal", "shutdown", "crash", "crash", "killed"]))
    def somebody_ends(self, place: int, how: End) -> None:
        everybody = list(self.tree.root.everybody())
        if not everybody:
            return
        node = everybody[place % len(everybody)]
        if isinstance(node.spec, Branch) and how == "killed":
            self.in_order = False  # a killed supervisor's children end all at once
        self.runner.run(self._end(node, how))
        self.tree.end(node, how)

    async def _end(self, node: Node, how: End) -> None:
        ref = await self._ref(node)
        if how == "normal":
            ref.stop()
        elif how == "shutdown":
            ref.exit(Shutdown())
        elif how == "killed":
            ref.kill()
        else:
            ref.tell(Boom())
        await self._quiet()

    @precondition(alive)
    @rule(
        place=st.integers(0, 10),
        child=st.integers(0, 5),
        what=st.sampled_from(["terminate", "restart", "delete"]),
    )
    def a_child_is_changed(self, place: int, child: int, what: str) -> None:
        boss = self._boss(place)
        ids = [c.spec.id for c in boss.children] + ["nobody"]
        child_id = ids[child % len(ids)]
        message, modelled = {
            "terminate": (TerminateChild(child_id), self.tree.terminate_child),
            "restart": (RestartChild(child_id), self.tree.restart_child),
            "delete": (DeleteChild(child_id), self.tree.delete_child),
        }[what]
        answer = self.runner.run(self._ask(boss, message))
        assert answer == modelled(boss, child_id)

    @precondition(alive)
    @rule(
        place=st.integers(0, 10),
        letter=st.sampled_from("abxy"),
        restart=st.sampled_from(_RESTARTS),
        significant=st.booleans(),
    )
    def a_child_is_added(self, place: int, letter: str, restart: Any, significant: bool) -> None:
        boss = self._boss(place)
        spec = Leaf(boss.spec.id + letter, restart, significant)
        answer = self.runner.run(self._ask(boss, StartChild(real_spec(spec, self.world, self.worker))))
        expected = self.tree.start_child(boss, spec)
        if significant and restart == "permanent":  # which of two faults is named first is of no account
            assert answer in (expected, "InvalidChildSpecError")
        else:
            assert answer == expected

    @precondition(alive)
    @rule(place=st.integers(0, 30), times=st.integers(1, 4))
    def starts_will_fail(self, place: int, times: int) -> None:
        workers = [n.spec.id for n in self.tree.root.everybody() if isinstance(n.spec, Leaf)]
        if workers:
            label = workers[place % len(workers)]
            self.tree.failing[label] = self.world.failing[label] = times

    @rule(seconds=st.sampled_from([1.0, 3.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.tree.now += seconds
        self.runner.run(self._advance(seconds))

    # ---- comparing -----------------------------------------------------------------------------------------

    @invariant()
    def both_are_alike(self) -> None:
        if not hasattr(self, "tree"):
            return
        assert self.real.is_alive() == self.tree.root.running
        for kind in ("start", "stop"):
            mine = [label for what, label in self.world.log if what == kind]
            its = [label for what, label in self.tree.log if what == kind]
            assert (mine if self.in_order else sorted(mine)) == (its if self.in_order else sorted(its)), kind
        if self.in_order:
            assert self.world.log == self.tree.log
        self.in_order = True
        self.world.log.clear()
        self.tree.log.clear()
        if self.tree.root.running:
            assert self.runner.run(self._picture(self.real)) == picture(self.tree.root)
        assert self.kernel.live == self.tree.root.running + len(list(self.tree.root.everybody()))

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            try:
                self.runner.run(self.kernel.shutdown())
                assert (self.kernel.live, self.kernel.tasks) == (0, frozenset())
            finally:
                self.runner.close()

    # ---- reaching the real ones ----------------------------------------------------------------------------

    def _boss(self, place: int) -> Node:
        supervisors = list(self.tree.root.supervisors())
        return supervisors[place % len(supervisors)]

    async def _ref(self, node: Node) -> ActorRef[Any]:
        if node.parent is None:
            return self.real
        boss = await self._ref(node.parent)
        infos = await boss.call(WhichChildren(), timeout_s=None)
        return next(i.ref for i in infos if i.id == node.spec.id)

    async def _ask(self, boss: Node, message: Any) -> str:
        try:
            await (await self._ref(boss)).call(message, timeout_s=None)
        except KernelError as error:
            return type(error).__name__
        finally:
            await self._quiet()
        return "ok"

    async def _advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self._quiet()

    async def _quiet(self) -> None:
        quiet, seen = 0, len(self.world.log)
        while quiet < _QUIET_PASSES or self.kernel.tasks:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self.world.log) == seen else 0
            seen = len(self.world.log)

    async def _picture(self, ref: ActorRef[Any]) -> list[Any]:
        infos = await ref.call(WhichChildren(), timeout_s=None)
        return [
            (i.id, i.ref is not None, await self._picture(i.ref) if i.ref and i.type == "supervisor" else [])
            for i in infos
        ]


def picture(node: Node) -> list[Any]:
    return [(c.spec.id, c.running, picture(c) if c.running else []) for c in node.children]


SupervisorsMatchTheModel.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestSupervisorsMatchTheModel = SupervisorsMatchTheModel.TestCase
