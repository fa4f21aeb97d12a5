"""The part of a control block that is its mailbox: what waits to be handled, and who waits for room."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from actors.kernel.errors import ActorDeadError, MailboxFull
from actors.kernel.events import MailboxOverflowed
from actors.kernel.exits import ExitReason
from actors.kernel.messages import Call, Down, Exit, StopRequest, settle_error
from actors.kernel.timers import TimerFired

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.kernel import Kernel
    from actors.kernel.ref import ActorRef


class Mailbox:
    """Two queues, of user messages and of system messages, which go first. What is queued asks the scheduler for a turn
    unless one is due (`scheduled`) or a handler of the actor runs (`task`)."""

    __slots__ = ("actor_class", "kernel", "queue", "reason", "ref", "room_waiters", "scheduled", "system", "task")

    #: The one ref of this incarnation.
    ref: ActorRef[Any]

    def __init__(self, kernel: Kernel, actor_class: type[Actor]) -> None:
        self.kernel = kernel
        self.actor_class = actor_class
        self.reason: ExitReason | None = None
        self.scheduled = False
        self.queue: deque[Any] | None = None
        self.system: deque[Any] | None = None
        self.task: asyncio.Task[None] | None = None
        self.room_waiters: deque[asyncio.Future[None]] | None = None

    def take_turn(self) -> None:
        """Handles what waits. Runs by the scheduler."""
        raise NotImplementedError

    # ---- mailbox -------------------------------------------------------------------------------------------

    def push(self, item: Any) -> None:
        """Queues a user message. Raises `ActorDeadError` or `MailboxFull`; drop-oldest mailboxes never raise."""
        if self.reason is not None:
            raise ActorDeadError(str(self), self.reason)
        queue = self.queue
        if queue is None:
            queue = self.queue = deque()
        elif len(queue) >= self.actor_class.mailbox_limit:
            self._overflow(queue)
        queue.append(item)
        if not self.scheduled and self.task is None:
            self.scheduled = True
            self.kernel.ready(self)

    def push_system(self, item: Any) -> None:
        """Queues a system message: never rejected, always ahead of user messages. Dead actors get none."""
        if self.reason is not None:
            return
        if self.system is None:
            self.system = deque()
        self.system.append(item)
        if not self.scheduled and self.task is None:
            self.scheduled = True
            self.kernel.ready(self)

    def push_unbounded(self, item: TimerFired | StopRequest) -> None:
        """Queues a due timer or a stop in its turn. The bound does not apply: both are few by their nature."""
        if self.reason is not None:
            return
        if self.queue is None:
            self.queue = deque()
        self.queue.append(item)
        if not self.scheduled and self.task is None:
            self.scheduled = True
            self.kernel.ready(self)

    def put_back(self, item: Any) -> None:
        """What was taken out and not handled is the next again."""
        if isinstance(item, Exit | Down):
            if self.system is None:
                self.system = deque()
            self.system.appendleft(item)
        else:
            if self.queue is None:
                self.queue = deque()
            self.queue.appendleft(item)

    def has_room(self) -> bool:
        return self.queue is None or len(self.queue) < self.actor_class.mailbox_limit

    def mailbox_length(self) -> int:
        return (len(self.queue) if self.queue else 0) + (len(self.system) if self.system else 0)

    def _overflow(self, queue: deque[Any]) -> None:
        policy = self.actor_class.mailbox_policy
        self.kernel.events.publish(MailboxOverflowed(self.ref, policy))
        if policy == "reject":
            raise MailboxFull(str(self), self.actor_class.mailbox_limit)
        for place, item in enumerate(queue):
            if isinstance(item, TimerFired | StopRequest):
                continue  # nobody sends these a second time
            del queue[place]
            if isinstance(item, Call):
                settle_error(item.reply, MailboxFull(str(self), self.actor_class.mailbox_limit))
            return

    def wait_for_room(self) -> asyncio.Future[None]:
        if self.room_waiters is None:
            self.room_waiters = deque()
        waiter: asyncio.Future[None] = self.kernel.loop.create_future()
        self.room_waiters.append(waiter)
        return waiter

    def wake_room_waiter(self) -> None:
        """Lets one waiting sender try. Whoever is woken and does not send must wake the next."""
        while self.room_waiters:
            waiter = self.room_waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
