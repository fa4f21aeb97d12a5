"""The actor kernel: actors, mailboxes, exits, links, monitors, names, timers. The only place that imports pykka.

exits, errors, messages, events, child   values
clock, timers, deadlines, future         time and waiting
cell, mailbox, owned, run_queue          one actor's control block; what it owns and owes; who takes a turn
init, tasks, dormancy                    how an actor starts, what keeps its tasks alive, and how it sleeps
termination, links, ties, exit_queue     how it ends, who hears of it, and in which order
crash_desk, crash_report, redaction      what is told of an abnormal end, and what never is
ref, name_ref, delivery, registry        how others reach it
actor, blocking, watchdog                what users subclass, and the loop's guard
own_thread, own_file, cores              where an actor runs code that blocks, and on which cores
introspection, tracing, restart_log      looking inside: reports, suspension, traces, who was restarted
facts, whereabouts                       what reports say of an actor's state, and of the line it is at
kernel                                   starts actors and gives them turns
"""

from actors.kernel.actor import Actor, Reply
from actors.kernel.blocking import BlockingActor
from actors.kernel.child import (
    ChildCounts,
    ChildInfo,
    ChildSpec,
    CountChildren,
    DeleteChild,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from actors.kernel.clock import Clock, LoopClock, ManualClock
from actors.kernel.crash_report import ActorKilled, CrashReport, CrashReported, FateShared
from actors.kernel.errors import (
    ActorDeadError,
    AlreadyPresent,
    AlreadyStarted,
    CallTimeout,
    ChildRunning,
    DeadlockError,
    InvalidChildSpecError,
    KernelClosedError,
    KernelError,
    MailboxFull,
    MaxChildren,
    NameTakenError,
    NotFound,
    StartError,
)
from actors.kernel.events import (
    EVERY_LIFE,
    ActorAbandoned,
    ActorExited,
    ActorStarted,
    CallTimedOut,
    ChildRestarted,
    ErrorUnheard,
    EventBus,
    LoopBlocked,
    MailboxOverflowed,
    SupervisorEscalated,
)
from actors.kernel.exits import Crashed, ExitReason, Killed, NoProcess, Normal, Shutdown, is_abnormal
from actors.kernel.future import ActorFuture
from actors.kernel.introspection import (
    Activity,
    ActorReport,
    Listed,
    find,
    inspect,
    resume,
    status_of,
    suspend,
    trace,
    untrace,
)
from actors.kernel.kernel import Kernel
from actors.kernel.messages import IGNORE, Deferred, Down, Exit, Ignore, MonitorRef
from actors.kernel.name_ref import NameRef
from actors.kernel.own_file import OwnFile
from actors.kernel.own_thread import OwnThread
from actors.kernel.ref import ActorRef
from actors.kernel.restart_log import RestartLog, RestartRecord
from actors.kernel.timers import Timer
from actors.kernel.tracing import MOST_KEPT, TracedMessage
from actors.kernel.watchdog import LoopWatchdog

__all__ = [
    "EVERY_LIFE",
    "IGNORE",
    "MOST_KEPT",
    "Activity",
    "Actor",
    "ActorAbandoned",
    "ActorDeadError",
    "ActorExited",
    "ActorFuture",
    "ActorKilled",
    "ActorRef",
    "ActorReport",
    "ActorStarted",
    "AlreadyPresent",
    "AlreadyStarted",
    "BlockingActor",
    "CallTimedOut",
    "CallTimeout",
    "ChildCounts",
    "ChildInfo",
    "ChildRestarted",
    "ChildRunning",
    "ChildSpec",
    "Clock",
    "CountChildren",
    "CrashReport",
    "CrashReported",
    "Crashed",
    "DeadlockError",
    "Deferred",
    "DeleteChild",
    "Down",
    "ErrorUnheard",
    "EventBus",
    "Exit",
    "ExitReason",
    "FateShared",
    "Ignore",
    "InvalidChildSpecError",
    "Kernel",
    "KernelClosedError",
    "KernelError",
    "Killed",
    "Listed",
    "LoopBlocked",
    "LoopClock",
    "LoopWatchdog",
    "MailboxFull",
    "MailboxOverflowed",
    "ManualClock",
    "MaxChildren",
    "MonitorRef",
    "NameRef",
    "NameTakenError",
    "NoProcess",
    "Normal",
    "NotFound",
    "OwnFile",
    "OwnThread",
    "Reply",
    "RestartChild",
    "RestartLog",
    "RestartRecord",
    "Shutdown",
    "StartChild",
    "StartError",
    "SupervisorEscalated",
    "TerminateChild",
    "Timer",
    "TracedMessage",
    "WhichChildren",
    "find",
    "inspect",
    "is_abnormal",
    "resume",
    "status_of",
    "suspend",
    "trace",
    "untrace",
]
