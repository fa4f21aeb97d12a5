"""A supervisor's book of its children, by id and in start order: what is asked of it, and what it decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from actors.kernel import (
    ActorRef,
    AlreadyPresent,
    AlreadyStarted,
    ChildCounts,
    ChildInfo,
    ChildRunning,
    ChildSpec,
    ExitReason,
    NotFound,
    is_abnormal,
)
from supervisors.strategy import AutoShutdown


class Child(Struct):
    """One child. Without a `ref` it does not run; `former` is its last incarnation, until the next one is told of."""

    spec: ChildSpec
    ref: ActorRef[Any] | None = None
    restarting: bool = False
    restarts: int = 0
    former: ActorRef[Any] | None = None


def shuts_down(rule: AutoShutdown, children: Mapping[str, Child], ended: Child, reason: ExitReason) -> bool:
    """Whether the end of a significant child, which is not restarted for it, ends the supervisor. OTP: `auto_shutdown`.

    `ended` may have left the book by then. The abnormal end of a `transient` child is answered by a restart instead.
    """
    others = [c for c in children.values() if c.spec.significant and c is not ended]
    by_itself = ended.spec.restart == "temporary" or not is_abnormal(reason)
    all_gone = all(c.ref is None and not c.restarting for c in others)
    return by_itself and (rule == "any_significant" or (rule == "all_significant" and all_gone))


def check_absent(children: Mapping[str, Child], child_id: str) -> None:
    """Raises `AlreadyStarted` or `AlreadyPresent` for an id that is taken."""
    present = children.get(child_id)
    if present is not None:
        raise AlreadyStarted(child_id, present.ref) if present.ref else AlreadyPresent(child_id)


def named(children: Mapping[str, Child], which: str | ActorRef[Any]) -> Child:
    """The child with this id or ref. Raises `NotFound`."""
    child_id = which
    if isinstance(which, ActorRef):
        child_id = next((i for i, c in children.items() if c.ref is which), None)
    child = children.get(child_id) if isinstance(child_id, str) else None
    if child is None:
        raise NotFound(which)
    return child


def stopped(children: Mapping[str, Child], child_id: str) -> Child:
    """The child with this id, which must not run. Raises `NotFound` or `ChildRunning`."""
    child = children.get(child_id)
    if child is None:
        raise NotFound(child_id)
    if child.ref is not None or child.restarting:
        raise ChildRunning(child_id)
    return child


def infos(children: Mapping[str, Child]) -> tuple[ChildInfo, ...]:
    """The answer to `WhichChildren`."""
    return tuple(
        ChildInfo(c.spec.id, "restarting" if c.restarting else c.ref, c.spec.type, c.restarts)
        for c in children.values()
    )


def counts(children: Mapping[str, Child]) -> ChildCounts:
    """The answer to `CountChildren`."""
    supervisors = sum(c.spec.type == "supervisor" for c in children.values())
    return ChildCounts(
        specs=len(children),
        active=sum(c.ref is not None for c in children.values()),
        supervisors=supervisors,
        workers=len(children) - supervisors,
    )
