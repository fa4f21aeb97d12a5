"""The trees of live runs, as the dispatcher sees them: recorded and started, watched, judged when they end.

A Down overtakes what was told before it, so an end is heard in two steps: the Down becomes a `TreeEnded` behind the
run's own last words, and only a run that said nothing is judged by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from actors.journal import OpenRun, TakeOverRun
from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    CallTimeout,
    ChildSpec,
    Down,
    ExitReason,
    KernelError,
    MonitorRef,
    Shutdown,
    StartChild,
    TerminateChild,
    is_abnormal,
)
from actors.runs.errors import RunNotStartedError
from actors.runs.names import run_name
from actors.runs.restoring import DefinitionTexts, meta_of
from actors.runs.roll import LiveRun
from actors.runs.values import RunRequest

START_TIMEOUT_S = 30.0
# The journal says within 30 s what became of a batch, and why; the batch before it may take as long.
RECORD_TIMEOUT_S = 65.0
LOOK_AGAIN_S = 0.05


class TreeEnded(Struct, frozen=True):
    """A run's supervisor has ended; comes behind what its PipelineActor told."""

    run_id: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The verdict on a tree that will not come back: the run has failed with `error`."""

    error: dict[str, Any]


class Suspended:
    """The verdict on a tree that was stopped with the node: the run goes on when that starts again."""


class RunTrees:
    """`run_child_spec` builds the child spec of a run's tree from its request. `actor` gets the Downs and takes them to
    `down`, and the `TreeEnded`s and takes them to `judge`."""

    def __init__(self, actor: Actor, run_child_spec: Callable[[RunRequest], ChildSpec]) -> None:
        self._actor = actor
        self._kernel = actor.kernel
        self._journal = self._kernel.ref("journal")
        self._pipelines = self._kernel.ref("pipelines")
        self._run_child_spec = run_child_spec
        self._definitions = DefinitionTexts()
        self._run_of: dict[MonitorRef, str] = {}

    async def record(self, request: RunRequest) -> tuple[str, bool]:
        """Makes the request durable: the id of the run that stands for it, and whether that is a new one.

        Raises `JournalError`, or `RunNotStartedError` when the journal does not answer.
        """
        entry = OpenRun(
            run_id=request.run_id,
            pipeline_name=request.pipeline.name,
            definition=self._definitions.of(request),
            definition_hash=request.pipeline.content_hash,
            inputs=request.inputs,
            meta=meta_of(request),
            idempotency_key=request.idempotency_key,
        )
        try:
            taken = request.taken_over
            order = entry if taken is None else TakeOverRun(entry, taken.source, taken.steps)
            return await self._journal.call(order, timeout_s=RECORD_TIMEOUT_S)
        except (ActorDeadError, CallTimeout) as error:
            raise RunNotStartedError(request.run_id, f"the journal does not answer ({error})") from error

    def text_of(self, request: RunRequest) -> str:
        """The definition as the journal keeps it."""
        return self._definitions.of(request)

    async def start(self, request: RunRequest) -> ActorRef[Any] | None:
        """Starts the run's tree; None when it has ended already. Raises `KernelError`."""
        return await self._pipelines.call(StartChild(self._run_child_spec(request)), timeout_s=START_TIMEOUT_S)

    async def terminate(self, run_id: str) -> None:
        """Ends the run's tree, if there is one. Raises `ActorDeadError` or `CallTimeout` of "pipelines"."""
        tree = self._kernel.registry.whereis(run_name(run_id))
        if tree is not None:
            with contextlib.suppress(KernelError):  # it has ended meanwhile
                await self._pipelines.call(TerminateChild(tree), timeout_s=START_TIMEOUT_S)

    # ---- watching ------------------------------------------------------------------------------------------

    def take_over(self, live: LiveRun) -> bool:
        """Watches the tree that the run has; False when it has none."""
        tree = self._kernel.registry.whereis(run_name(live.run_id))
        if tree is not None:
            self.watch(live, tree)
        return tree is not None

    def watch(self, live: LiveRun, ref: ActorRef[Any] | None) -> None:
        """A tree that has ended already (None) is judged like one that ends later."""
        if ref is None:
            ended = Shutdown("its tree ended as soon as it had started")
            self._actor.ref.tell(TreeEnded(live.run_id, ended))
            return
        live.watched = self._actor.monitor(ref)
        self._run_of[live.watched] = live.run_id

    def unwatch(self, live: LiveRun) -> None:
        """The run's end is known."""
        if live.watched is not None:
            self._run_of.pop(live.watched, None)
            self._actor.demonitor(live.watched)
            live.watched = None

    def down(self, message: Down) -> None:
        """A watched tree has ended: lets the run's own last words come first."""
        run_id = self._run_of.pop(message.monitor, None)
        if run_id is not None:
            self._actor.ref.tell(TreeEnded(run_id, message.reason))

    def judge(self, live: LiveRun, reason: ExitReason) -> GaveUp | Suspended | None:
        """The tree is gone and nobody said how the run ended. None: it was restarted, or will be looked at again."""
        live.watched = None
        gave_up = isinstance(reason, Shutdown) and reason.term is not None
        if (is_abnormal(reason) or gave_up) and self.take_over(live):
            return None
        if gave_up:
            assert isinstance(reason, Shutdown)
            return GaveUp({"code": "run_gave_up", "message": f"the run's actors gave up ({reason.term})"})
        # "pipelines" restarts it in its next turn, or has itself given up; then the node's own tree decides.
        if is_abnormal(reason) and self._kernel.registry.whereis("pipelines") is not None:
            self._actor.tell_after(LOOK_AGAIN_S, TreeEnded(live.run_id, Shutdown(f"its tree ended: {reason}")))
            return None
        return Suspended()
