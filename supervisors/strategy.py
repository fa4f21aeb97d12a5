"""Which children a supervisor restarts. Pure; the rules are those of OTP's `supervisor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, assert_never

from actors.kernel import ExitReason, is_abnormal
from actors.kernel.child import Restart

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

STRATEGIES: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one")
AUTO_SHUTDOWNS: tuple[AutoShutdown, ...] = ("never", "any_significant", "all_significant")


def should_restart(restart: Restart, reason: ExitReason) -> bool:
    """Whether a child with this restart type comes back after this exit."""
    match restart:
        case "permanent":
            return True
        case "transient":
            return is_abnormal(reason)
        case "temporary":
            return False
        case _:
            assert_never(restart)


def affected(strategy: Strategy, order: Sequence[str], failed: str) -> tuple[str, ...]:
    """The ids of the children that go down and come back with `failed`, in start order, `failed` among them."""
    match strategy:
        case "one_for_one":
            return (failed,)
        case "one_for_all":
            return tuple(order)
        case "rest_for_one":
            return tuple(order[list(order).index(failed) :])
        case _:
            assert_never(strategy)
