"""Child specs and the messages that supervisors answer.

They live in the kernel because a worker asks its sibling supervisor for children by message and must not import the
floor above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef

Restart = Literal["permanent", "transient", "temporary"]
ShutdownPolicy = float | Literal["brutal_kill", "infinity"]
ChildType = Literal["worker", "supervisor"]


class ChildSpec(Struct, frozen=True):
    """How to start, restart and stop one child; OTP's child spec.

    `shutdown` is seconds to wait after asking, `brutal_kill` or `infinity`; `None` takes OTP's default: 5 s for a
    worker, `infinity` for a supervisor. `start_timeout_s` bounds the child's init. `name` registers the child.
    `passivate_after_s`: a worker idle for so many seconds sleeps until its next message (see `dormancy`).
    """

    id: str
    actor_class: type[Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    name: str | None = None
    restart: Restart = "permanent"
    shutdown: ShutdownPolicy | None = None
    type: ChildType = "worker"
    significant: bool = False
    start_timeout_s: float | None = None
    passivate_after_s: float | None = None

    @property
    def effective_shutdown(self) -> ShutdownPolicy:
        """The shutdown policy with the default filled in."""
        if self.shutdown is not None:
            return self.shutdown
        return "infinity" if self.type == "supervisor" else 5.0


class StartChild(Struct, frozen=True):
    """Asks a supervisor to start `spec` -> ref, or None when the child chose IGNORE."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Asks a supervisor to stop a child, by id or (dynamic supervisors) by ref."""

    child: str | ActorRef[Any]


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Asks a supervisor to start a stopped child again -> ref."""

    id: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Asks a supervisor to forget a stopped child."""

    id: str


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """Asks a supervisor for its children -> tuple[ChildInfo, ...] in start order."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Asks a supervisor for its counts -> ChildCounts."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One child as its supervisor sees it: `ref` is an ActorRef, None (stopped or ignored) or "restarting"."""

    id: str
    ref: ActorRef[Any] | Literal["restarting"] | None
    type: ChildType
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """Numbers of child specs, of live children, and of specs by type."""

    specs: int
    active: int
    supervisors: int
    workers: int
