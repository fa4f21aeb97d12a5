"""What a child spec and a supervisor's options must look like; checked before anything starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from actors.kernel import Actor, ChildSpec, InvalidChildSpecError
from actors.kernel.child import ChildType, Restart
from supervisors.strategy import AUTO_SHUTDOWNS, STRATEGIES

_RESTARTS = frozenset(get_args(Restart))
_TYPES = frozenset(get_args(ChildType))


def check_spec(spec: Any) -> None:
    """Raises `InvalidChildSpecError` naming the field and the rule it breaks."""
    if not isinstance(spec, ChildSpec):
        raise InvalidChildSpecError(spec, "spec", "must be a ChildSpec")
    if not isinstance(spec.id, str) or not spec.id:  # pyright: ignore[reportUnnecessaryIsInstance] - callers are untyped too
        raise InvalidChildSpecError(spec.id, "id", "must be a non-empty string")
    # pykka's actors are abstract classes, whose issubclass() costs several times as much.
    if not (isinstance(spec.actor_class, type) and Actor in spec.actor_class.__mro__):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidChildSpecError(spec.id, "actor_class", "must be a subclass of Actor")
    if spec.restart not in _RESTARTS:
        raise InvalidChildSpecError(spec.id, "restart", f"must be one of {', '.join(get_args(Restart))}")
    if spec.type not in _TYPES:
        raise InvalidChildSpecError(spec.id, "type", f"must be one of {', '.join(get_args(ChildType))}")
    if spec.shutdown is not None and not _is_shutdown_policy(spec.shutdown):
        raise InvalidChildSpecError(spec.id, "shutdown", "must be seconds >= 0, 'brutal_kill' or 'infinity'")
    if spec.significant and spec.restart == "permanent":
        raise InvalidChildSpecError(spec.id, "significant", "a permanent child cannot be significant")
    if spec.passivate_after_s is not None and not (spec.passivate_after_s > 0 and spec.type == "worker"):
        raise InvalidChildSpecError(spec.id, "passivate_after_s", "must be more than 0 seconds, and for a worker")
    if spec.start_timeout_s is not None and spec.start_timeout_s <= 0:
        raise InvalidChildSpecError(spec.id, "start_timeout_s", "must be more than 0 seconds")


def _is_shutdown_policy(shutdown: Any) -> bool:
    if (shutdown.__class__ is float and shutdown >= 0) or shutdown in ("brutal_kill", "infinity"):
        return True
    return isinstance(shutdown, int | float) and not isinstance(shutdown, bool) and shutdown >= 0


def check_specs(specs: Iterable[Any]) -> None:
    """Checks every spec and that ids are unique."""
    seen: set[str] = set()
    for spec in specs:
        check_spec(spec)
        if spec.id in seen:
            raise InvalidChildSpecError(spec.id, "id", "must be unique among its siblings")
        seen.add(spec.id)


def check_max_children(max_children: Any) -> None:
    """Checks a dynamic supervisor's bound: a whole number, or None for no bound."""
    if max_children is None:
        return
    if not isinstance(max_children, int) or isinstance(max_children, bool) or max_children < 0:
        raise InvalidChildSpecError("supervisor", "max_children", "must be a whole number of 0 or more, or None")


def check_options(strategy: str, auto_shutdown: str, max_restarts: int, max_seconds: float) -> None:
    """Checks a supervisor's own options."""
    if strategy not in STRATEGIES:
        raise InvalidChildSpecError("supervisor", "strategy", f"must be one of {', '.join(STRATEGIES)}")
    if auto_shutdown not in AUTO_SHUTDOWNS:
        raise InvalidChildSpecError("supervisor", "auto_shutdown", f"must be one of {', '.join(AUTO_SHUTDOWNS)}")
    if max_restarts < 0:
        raise InvalidChildSpecError("supervisor", "max_restarts", "must be 0 or more")
    if max_seconds <= 0:
        raise InvalidChildSpecError("supervisor", "max_seconds", "must be more than 0")
