"""Loops, and what leaves their passes early. Their models are completed in `pipeline`, as all that hold steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue

from .base import BaseStep, Body

if TYPE_CHECKING:
    from pipelines.language.steps import Step


class ForLoopStep(BaseStep):
    """Runs `steps` once for each item of `data_source`.

    With `parallel` at most `max_parallel` passes are at work at once. With `batch_size` the items are gone over in
    batches: the next one begins when the whole of the last is done. `continue_condition` is asked before a pass and
    leaves it out, `break_condition` after it and ends the loop.
    """

    type: Literal["for_loop"]
    iterator: str = Field(default="item", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    data_source: JsonValue
    steps: tuple[Step, ...]
    break_on_error: bool = True
    break_condition: JsonValue = None
    continue_condition: JsonValue = None
    parallel: bool = False
    max_parallel: int = Field(default=5, ge=1, le=1000)
    max_iterations: int = Field(default=10_000, ge=1, le=1_000_000)
    batch_size: int | None = Field(default=None, ge=1)

    def bodies(self) -> tuple[Body, ...]:
        """Its one body."""
        return ((("steps",), self.steps),)

    @property
    def local_names(self) -> frozenset[str]:
        """The iterator."""
        return frozenset({self.iterator})


class WhileLoopStep(BaseStep):
    """Runs `steps` for as long as `condition` holds, which is asked before each pass over what there is by then.

    After `max_iterations` passes it stops: its result then says so and `success` is false, or, with `on_limit: fail`,
    the step fails.
    """

    type: Literal["while_loop"]
    steps: tuple[Step, ...]
    max_iterations: int = Field(default=100, ge=1, le=100_000)
    break_condition: JsonValue = None
    on_limit: Literal["stop", "fail"] = "stop"

    def bodies(self) -> tuple[Body, ...]:
        """Its one body."""
        return ((("steps",), self.steps),)


class BreakStep(BaseStep):
    """Ends the loop around it. Steps before it in the text are done by then, steps behind it are not begun."""

    type: Literal["break"]


class ContinueStep(BaseStep):
    """Ends the pass of the loop around it, as `BreakStep` does the loop."""

    type: Literal["continue"]
