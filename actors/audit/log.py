"""The AuditLog: who decided what, in an order and a form that nobody can change unseen.

Callers send `Note` and are answered after the disk has it; the rest of the node records through the `AuditBook` and
waits for nothing. While one batch is written the next decisions gather (group commit); where nobody waits, it gathers
for `linger_s` first, so that a thousand runs cost a few writes beside the journal's.

Failure: a disk that cannot be written fails those who wait; what was recorded without waiting stays in the book and is
written when there is room. A crash of this actor or of its writer ends both; its own supervisor starts both again,
without the journal and the kill board. What was acknowledged is on the disk, what was recorded is in the book; a batch
that was under way is compared with the files and written once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from actors.audit import decisions
from actors.audit.book import AuditBook, Waiting
from actors.audit.checking import check_place
from actors.audit.errors import AuditError, AuditFullError, AuditUnavailableError
from actors.audit.files import Found
from actors.audit.messages import AuditDamaged, AuditRepaired, AuditUnwritable, AuditWritable, Flush, Note, Record
from actors.audit.segments import AuditPlace
from actors.audit.writer import Append, AuditWriter, OpenLog
from actors.kernel import Actor, ActorRef, CallTimeout, Reply, Timer
from pipelines.guardrails.audit_chain import BEGINNING, Decision

_WRITE_DEADLINE_S = 3_600.0


class _Drain:
    """Write what waits."""


class _Late:
    """The disk has not answered for `commit_timeout_s`."""


class AuditLog(Actor):
    """Answers `Note` and `Flush`; takes `Record`.

    `linger_s`: how long recorded decisions gather before a write; `retry_s`: between attempts on a disk that fails;
    `commit_timeout_s`: when those who wait are told that the disk does not answer.
    """

    expected_errors = (AuditError,)
    mailbox_limit = 100_000

    def __init__(
        self,
        place: AuditPlace,
        book: AuditBook,
        *,
        segment_bytes: int = 16_000_000,
        linger_s: float = 0.05,
        retry_s: float = 1.0,
        max_batch: int = 1_000,
        commit_timeout_s: float = 10.0,
    ) -> None:
        super().__init__()
        self._place = place
        self._book = book
        self._segment_bytes = segment_bytes
        self._linger_s = linger_s
        self._retry_s = retry_s
        self._max_batch = max_batch
        self._commit_timeout_s = commit_timeout_s
        self._writer: ActorRef[AuditWriter] | None = None
        self._opened = False
        self._draining: asyncio.Task[Any] | None = None
        self._timer: Any = None
        self._asking: Timer | None = None
        self._flushing: list[Reply] = []

    async def on_start(self) -> None:
        """Opens nothing yet: a disk that fails must not keep the node from starting, and from being stopped by a
        kill switch."""
        self._writer = await self.kernel.spawn(
            AuditWriter, self._place, self._segment_bytes, link_to=self.ref, parent=self.ref
        )
        self._book.serve(self._wake)
        self.ref.tell(_Drain())

    async def on_stop(self) -> None:
        self._book.serve(None)
        if self._draining is not None:
            await asyncio.wait({self._draining}, timeout=self._commit_timeout_s)
        if self._book.farewell is not None:
            self._book.waiting.append(Waiting(self._book.farewell))
        writer = self._writer
        if writer is None or not writer.is_alive():
            return
        if self._opened or await self._open():
            while self._book.waiting and await self._write_batch():
                pass
        self.unlink(writer)
        await writer.stop()

    def on_receive(self, message: Any) -> Any:
        match message:
            case Note(decision):
                self._note(decision, self.later())
            case Record(decision):
                self._book.record(decision)
            case Flush():
                self._flushing.append(self.later())
                self._start_draining()
            case _Drain():
                self._timer = None
                self._start_draining()
            case _Late():
                self._late()
            case _:
                raise TypeError(f"an AuditLog does not take {type(message).__name__}")
        return None

    def _note(self, decision: Decision, reply: Reply) -> None:
        if self._book.put(Waiting(decision, reply)):
            self._start_draining()
        else:
            reply.fail(AuditFullError(f"{self._book.max_waiting} decisions wait for the audit log's disk already"))

    def _wake(self, urgent: bool) -> None:
        """From the book, in whoever's handler: the work itself begins in one of our own."""
        if self._draining is not None and not self._draining.done():
            return
        if urgent:
            self.ref.tell(_Drain())
        elif self._timer is None:
            self._timer = self.tell_after(self._linger_s, _Drain())

    def _start_draining(self) -> None:
        if self._draining is None or self._draining.done():
            self._draining = self.spawn_task(self._drain())

    # ---- writing -------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        if not self._opened and not await self._open():
            return
        while True:
            if self._book.untold_drops and len(self._book.waiting) < self._book.max_waiting:
                dropped, self._book.untold_drops = self._book.untold_drops, 0
                self._book.put(Waiting(decisions.entries_dropped(self.kernel.clock.wall(), dropped)))
            if not self._book.waiting:
                break
            if not await self._write_batch():
                return
        flushed, self._flushing = self._flushing, []
        for reply in flushed:
            reply.set(self._book.head)

    async def _open(self) -> bool:
        answered = await self._ask(OpenLog())
        if answered is None:
            return False
        found, heads_problem = answered
        self._opened = True
        # Before anything new is written: the files say how much of it had been.
        self._book.put_back(found.head)
        if self._book.head is None and self._book.greeting is not None:
            self._book.waiting.appendleft(Waiting(self._book.greeting(_how_ended(found))))
        self._book.head = found.head
        self._tell_found(found)
        self._tell_problem(heads_problem)
        self.spawn_task(self._check())
        return True

    async def _write_batch(self) -> bool:
        batch = self._book.take(self._max_batch)
        answered = await self._ask(Append(tuple(item.decision for item in batch)))
        if answered is None:
            self._book.put_back()
            return False
        found, heads_problem = answered
        self._book.kept(found.head)
        self._tell_found(found)
        self._tell_problem(heads_problem)
        for item in batch:
            if item.reply is not None:
                item.reply.set(found.head)
        return True

    async def _ask(self, message: OpenLog | Append) -> tuple[Found, str] | None:
        """The writer's answer; None when the disk has failed, which those who wait have been told then."""
        assert self._writer is not None
        self._asking = self.tell_every(self._commit_timeout_s, _Late())
        try:
            return await self._writer.call(message, timeout_s=_WRITE_DEADLINE_S)
        except (AuditError, CallTimeout) as error:
            self._fail(error if isinstance(error, AuditError) else AuditUnavailableError(str(error)))
            self._timer = self._timer or self.tell_after(self._retry_s, _Drain())
            return None
        finally:
            self._asking.cancel()
            self._asking = None

    def _late(self) -> None:
        """What was sent may still come to be kept, so it is neither given up nor sent again."""
        if self._asking is not None:
            late = f"the audit log's disk has not answered for {self._commit_timeout_s:g} s"
            self._fail(AuditUnavailableError(f"{late}. Fix: check the disk"))

    def _fail(self, error: AuditError) -> None:
        """Those who wait are told now; what was recorded without waiting stays."""
        self._tell_problem(str(error))
        flushing, self._flushing = self._flushing, []
        for reply in flushing:
            reply.fail(error)
        for item in (*self._book.in_flight, *self._book.waiting):
            if item.reply is not None:
                item.reply.fail(error)
        kept = [item for item in self._book.waiting if item.reply is None]
        self._book.waiting.clear()
        self._book.waiting.extend(kept)

    # ---- telling -------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Looks through the whole log once, beside the work."""
        try:
            checked = await asyncio.to_thread(check_place, self._place, paced=True)
        except OSError as error:
            self._tell_problem(f"the audit log cannot be checked: {error}")
            return
        self._tell_damage(tuple(str(flaw) for flaw in checked.flaws))

    def _tell_found(self, found: Found) -> None:
        if found.repaired:
            self.kernel.events.publish(AuditRepaired(found.repaired))
            self._say("audit.repaired", found.repaired)
        self._tell_damage(found.damage)

    def _tell_damage(self, damage: tuple[str, ...]) -> None:
        new = self._book.note_damage(damage)
        if new:
            self.kernel.events.publish(AuditDamaged(new))
            self._say("audit.damaged", new)

    def _say(self, action: str, found: tuple[str, ...]) -> None:
        self._book.record(decisions.log_found(self.kernel.clock.wall(), action, found), urgent=True)

    def _tell_problem(self, problem: str) -> None:
        before, self._book.problem = self._book.problem, problem
        if problem and problem != before:
            self.kernel.events.publish(AuditUnwritable(problem))
        elif before and not problem:
            self.kernel.events.publish(AuditWritable())


def _how_ended(found: Found) -> str:
    if found.head == BEGINNING:
        return "none"
    return "orderly" if found.last_action == "node.stopped" else "abrupt"
