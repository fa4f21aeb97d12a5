"""What the kernel raises.

KernelError
├─ ActorDeadError (also pykka's)  nobody there, or it died while we waited; `.reason` is its exit reason
├─ CallTimeout (also pykka's)     the callee lives and works on; its late reply is dropped
├─ MailboxFull                    the mailbox is at its bound and its policy is to reject
├─ DeadlockError                  a call to oneself, round a cycle, or a blocking wait on the loop's own thread
├─ NameTakenError                 another live actor holds the name
├─ StartError                     init failed, timed out or was refused; `.reason` is the exit reason
├─ InvalidChildSpecError          a child spec or strategy breaks a rule; names field and rule
├─ AlreadyStarted, AlreadyPresent, ChildRunning, NotFound, MaxChildren   answers of supervisors
└─ KernelClosedError              the kernel has been shut down
"""

from __future__ import annotations

from typing import Any

import pykka

from actors.kernel.exits import ExitReason


class KernelError(Exception):
    """Base of all errors of the actor kernel."""


class ActorDeadError(KernelError, pykka.ActorDeadError):
    """The actor is not there. `reason` is why it ended, `NoProcess()` when nobody knows it."""

    def __init__(self, who: str, reason: ExitReason) -> None:
        super().__init__(f"{who} is not there: {reason}")
        self.who = who
        self.reason = reason


class CallTimeout(KernelError, pykka.Timeout):
    """A call's deadline passed. The callee is not disturbed; its late reply goes nowhere."""

    def __init__(self, who: str, timeout_s: float) -> None:
        super().__init__(f"{who} did not answer within {timeout_s:g} s")
        self.who = who
        self.timeout_s = timeout_s


class MailboxFull(KernelError):
    """The receiver's mailbox holds as many messages as it may."""

    def __init__(self, who: str, limit: int) -> None:
        super().__init__(f"the mailbox of {who} is full ({limit} messages)")
        self.who = who
        self.limit = limit


class DeadlockError(KernelError):
    """The call could never be answered. `cycle` names the actors that would wait for each other."""

    def __init__(self, cycle: tuple[str, ...], hint: str = "") -> None:
        text = " -> ".join(cycle)
        super().__init__(f"this call can never be answered: {text}" + (f" ({hint})" if hint else ""))
        self.cycle = cycle


class NameTakenError(KernelError):
    """The name belongs to another live actor."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"the name {name!r} is held by {holder}")
        self.name = name
        self.holder = holder


class StartError(KernelError):
    """An actor did not start. Nothing of it is left: no name, no task."""

    def __init__(self, who: str, reason: ExitReason) -> None:
        super().__init__(f"{who} did not start: {reason}")
        self.who = who
        self.reason = reason


class InvalidChildSpecError(KernelError):
    """A child spec is refused before anything starts."""

    def __init__(self, child_id: object, field: str, rule: str) -> None:
        super().__init__(f"child spec {child_id!r}: {field}: {rule}")
        self.child_id = child_id
        self.field = field
        self.rule = rule


class AlreadyStarted(KernelError):
    """A child with this id runs already; `ref` is that child."""

    def __init__(self, child_id: str, ref: Any) -> None:
        super().__init__(f"child {child_id!r} is already started")
        self.child_id = child_id
        self.ref = ref


class AlreadyPresent(KernelError):
    """A stopped child with this id is known; restart or delete it."""

    def __init__(self, child_id: str) -> None:
        super().__init__(f"child {child_id!r} is already present, not running")
        self.child_id = child_id


class ChildRunning(KernelError):
    """The child runs, so it can be neither restarted nor deleted."""

    def __init__(self, child_id: str) -> None:
        super().__init__(f"child {child_id!r} is running")
        self.child_id = child_id


class NotFound(KernelError):
    """The supervisor has no such child."""

    def __init__(self, child_id: object) -> None:
        super().__init__(f"no child {child_id!r} here")
        self.child_id = child_id


class MaxChildren(KernelError):
    """The dynamic supervisor holds as many children as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"all {limit} places for children are taken")
        self.limit = limit


class KernelClosedError(KernelError):
    """The kernel was shut down and starts nothing any more."""
