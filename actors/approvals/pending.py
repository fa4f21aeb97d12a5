"""The questions that wait, who waits for them, and which is due next. Bookkeeping of the desk."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pipelines.execution import Assent, Decision, Question

_SPARE: Final = 1_000

Verdict = asyncio.Future[Decision | None]


@dataclass(slots=True, eq=False)
class Waiting:
    """One question. `recording` is the decision that is on its way to the journal; further ones come too late.
    `assents` are on record; whoever adds one has `turn`."""

    question: Question
    callers: set[Verdict] = field(default_factory=set[Verdict])
    recording: Decision | None = None
    assents: tuple[Assent, ...] = ()
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def tell(self, decision: Decision | None) -> None:
        """Lets the callers go."""
        for caller in self.callers:
            if not caller.done():
                caller.set_result(decision)
        self.callers.clear()


class PendingQuestions:
    """Questions by id, and the last `keep_decided` decisions: a step that looked into the journal just before one was
    recorded asks just after it."""

    def __init__(self, keep_decided: int = 1_000) -> None:
        self._by_id: dict[str, Waiting] = {}
        self._due: list[tuple[float, str]] = []
        self._decided: OrderedDict[str, Decision] = OrderedDict()
        self._keep_decided = keep_decided

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._by_id.values())

    def get(self, question_id: str) -> Waiting | None:
        """The question, if it waits."""
        return self._by_id.get(question_id)

    def decided(self, question_id: str) -> Decision | None:
        """Its decision, if that is not long ago."""
        return self._decided.get(question_id)

    def enter(self, question: Question, caller: Verdict, assents: tuple[Assent, ...] = ()) -> Waiting:
        """`caller` waits for this question, perhaps after another incarnation of its step; it knows of `assents`."""
        waiting = self._by_id.get(question.id)
        if waiting is None:
            waiting = self._by_id[question.id] = Waiting(question)
            if question.expires_at is not None:
                heapq.heappush(self._due, (question.expires_at, question.id))
                self._sweep()
        if len(assents) > len(waiting.assents):
            waiting.assents = assents
        waiting.callers.add(caller)
        return waiting

    def leave(self, waiting: Waiting, caller: Verdict) -> bool:
        """`caller` waits no more; True when the question is withdrawn with it."""
        waiting.callers.discard(caller)
        return not waiting.callers and waiting.recording is None and self.remove(waiting)

    def remove(self, waiting: Waiting, decision: Decision | None = None) -> bool:
        """The question waits no more; True when it did."""
        if decision is not None:
            self._decided[waiting.question.id] = decision
            if len(self._decided) > self._keep_decided:
                self._decided.popitem(last=False)
        if self._by_id.get(waiting.question.id) is not waiting:
            return False
        del self._by_id[waiting.question.id]
        return True

    def due(self, at: float) -> list[Waiting]:
        """Takes out those whose time is over by `at`. One that is being answered is left to its answer."""
        over: list[Waiting] = []
        while self._due and self._due[0][0] <= at:
            _, question_id = heapq.heappop(self._due)
            waiting = self._by_id.get(question_id)
            expires_at = None if waiting is None else waiting.question.expires_at
            # Entries outlive what was withdrawn; the question may be back by another one.
            if waiting is not None and waiting.recording is None and expires_at is not None and expires_at <= at:
                over.append(waiting)
                self.remove(waiting)
        return over

    def _sweep(self) -> None:
        """Questions that are taken away and come back again and again must not fill the list of times."""
        if len(self._due) > 2 * len(self._by_id) + _SPARE:
            times = ((each.question.expires_at, each.question.id) for each in self._by_id.values())
            self._due = [(at, question_id) for at, question_id in times if at is not None]
            heapq.heapify(self._due)

    @property
    def next_due(self) -> float | None:
        """When to look again, in Unix seconds."""
        return self._due[0][0] if self._due else None
