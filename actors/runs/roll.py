"""The roll of a node's runs: which live, how the last ones ended, who waits for which. Plain bookkeeping."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from actors.journal import LARGE_BYTES, is_heavy
from actors.kernel import MonitorRef, Reply, Timer
from actors.runs.errors import RunStillRunningError
from actors.runs.values import RunOutcome

# So many wait for one run before those who have left are looked for.
CROWD: Final = 64


class LiveRun(Struct, eq=False):
    """A run that has not ended. `watched` is None until its tree has started, `paused` says why it stands still.
    `waiting` are the callers who wait for its end, each with the timer of its patience."""

    run_id: str
    pipeline: str
    watched: MonitorRef | None = None
    paused: str | None = None
    waiting: dict[Reply, Timer] = {}
    tenant: str = ""
    crowd: int = CROWD

    def wait(self, reply: Reply, patience: Timer) -> None:
        """One more waits. Those who have left meanwhile are dropped whenever as many came as were there before."""
        if len(self.waiting) >= self.crowd:
            for gone in [each for each in self.waiting if each.given_up]:
                self.waiting.pop(gone).cancel()
            self.crowd = max(CROWD, 2 * len(self.waiting))
        self.waiting[reply] = patience

    def answer(self, outcome: RunOutcome | Exception) -> None:
        """Answers all who wait."""
        waiting, self.waiting = self.waiting, {}
        for reply, patience in waiting.items():
            patience.cancel()
            if isinstance(outcome, Exception):
                reply.fail(outcome)
            else:
                reply.set(outcome)


class Roll:
    """Live runs by id, and the outcomes of the last `keep_finished` ones, but for those with large results."""

    def __init__(self, keep_finished: int) -> None:
        self._keep_finished = keep_finished
        self._live: dict[str, LiveRun] = {}
        self._finished: OrderedDict[str, RunOutcome] = OrderedDict()
        self._of_tenants: Counter[str] = Counter()
        #: Called with each run that lives no more.
        self.when_left: Callable[[LiveRun], object] | None = None
        #: Called when the last live run has gone.
        self.when_empty: Callable[[], object] | None = None

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[str]:
        return iter(self._live)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._live

    def get(self, run_id: str) -> LiveRun | None:
        """The live run with this id."""
        return self._live.get(run_id)

    def enter(self, run_id: str, pipeline: str, tenant: str = "") -> LiveRun:
        """A run begins to live."""
        former = self._live.get(run_id)
        if former is not None:
            self._of_tenants[former.tenant] -= 1
        live = self._live[run_id] = LiveRun(run_id, pipeline, tenant=tenant)
        self._of_tenants[tenant] += 1
        return live

    def live_of(self, tenant: str) -> int:
        """How many runs of a tenant live."""
        return self._of_tenants.get(tenant, 0)

    def _left(self, live: LiveRun) -> None:
        self._of_tenants[live.tenant] -= 1
        if self._of_tenants[live.tenant] <= 0:
            del self._of_tenants[live.tenant]
        if self.when_left is not None:
            self.when_left(live)

    def strike(self, live: LiveRun) -> bool:
        """Takes this entry off, unless another one has its id by now; whether it was there."""
        if self._live.get(live.run_id) is not live:
            return False
        del self._live[live.run_id]
        self._left(live)
        self._tell_if_empty()
        return True

    def end(self, outcome: RunOutcome) -> LiveRun | None:
        """A run has ended: keeps its outcome, answers who waits; the entry, if the run was live here."""
        live = self._live.pop(outcome.run_id, None)
        # A heavy one comes from the journal when somebody asks again; a failed one may not be there as it is here.
        if outcome.status == "failed" or not any(is_heavy(each, LARGE_BYTES) for each in outcome.results.values()):
            self._finished[outcome.run_id] = outcome
        while len(self._finished) > self._keep_finished:
            self._finished.popitem(last=False)
        if live is not None:
            self._left(live)
            live.answer(outcome)
            self._tell_if_empty()
        return live

    def _tell_if_empty(self) -> None:
        if self.when_empty is not None and not self._live:
            self.when_empty()

    def give_up(self, run_id: str, reply: Reply, timeout_s: float) -> None:
        """A caller has waited long enough: for a run that stands still that is an outcome, else an error."""
        live = self._live.get(run_id)
        if live is None or live.waiting.pop(reply, None) is None:
            return
        if live.paused is None:
            reply.fail(RunStillRunningError(run_id, timeout_s))
        else:
            reply.set(RunOutcome(run_id, "paused", {}, {}, {"code": "paused", "message": live.paused}, {}, None, 0.0))

    def outcome(self, run_id: str) -> RunOutcome | None:
        """How a run ended, as long as that is kept."""
        return self._finished.get(run_id)

    def revive(self, run_id: str) -> None:
        """A run that has ended does not count as ended any more."""
        self._finished.pop(run_id, None)

    def pause(self, run_id: str, reason: str | None) -> None:
        """A run stands still for `reason`, or (None) goes on."""
        live = self._live.get(run_id)
        if live is not None:
            live.paused = reason

    @property
    def paused(self) -> Mapping[str, str]:
        """Why runs stand still, by run id."""
        return {run_id: live.paused for run_id, live in self._live.items() if live.paused is not None}
