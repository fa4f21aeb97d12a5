"""What runs when frames end: their `finally` steps, one frame after the other, the innermost first. Plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from actors.runs.consequences import Consequence
from pipelines.execution import Frame

Error = dict[str, JsonValue]


@dataclass(slots=True, eq=False)
class Unwinding:
    """Closing frames still to run; the first is under way once it is `begun`. `of` is the frame, or the path of the
    step, that ends with it; `then` says what follows when all have ended, given the first failure among them."""

    of: Frame | str
    chain: list[Frame]
    then: Callable[[Error | None], Iterator[Consequence]]
    begun: bool = False
    failure: Error | None = None


@dataclass(slots=True, eq=False)
class Unwindings:
    """Those of one run."""

    all: list[Unwinding] = field(default_factory=list[Unwinding])

    def of(self, ended: Frame | str) -> Unwinding | None:
        """The one that ends this frame or step."""
        return next((each for each in self.all if each.of is ended or each.of == ended), None)

    def holding(self, closing: Frame) -> Unwinding | None:
        """The one that has this closing frame to wait for."""
        return next((each for each in self.all if any(closing is frame for frame in each.chain)), None)

    def take(self, ended: Frame | str) -> list[Frame] | None:
        """What is left of one whose frame or step ends with something larger; None when there is none."""
        found = self.of(ended)
        if found is None:
            return None
        self.all.remove(found)
        return found.chain


def with_failure(error: Error | None, failure: Error | None) -> Error | None:
    """How a frame has ended whose `finally` steps failed with `failure`: it fails by that if it had not failed."""
    if failure is None:
        return error
    return {**failure, "in_finally": True} if error is None else {**error, "finally_error": failure}
