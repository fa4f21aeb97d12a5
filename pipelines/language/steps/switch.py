"""`switch`: one of several lists of steps. Its models are completed in `pipeline`, as all that hold steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, model_validator

from pipelines.language.parts import Part

from .base import BaseStep, Body

if TYPE_CHECKING:
    from pipelines.language.steps import Step


class SwitchCase(Part):
    """One branch: taken when the switch's value is `when` (or one of the list `when`), or when `condition` holds."""

    when: JsonValue = None
    condition: JsonValue = None
    steps: tuple[Step, ...]

    @model_validator(mode="after")
    def _says_when(self) -> SwitchCase:
        if ("when" in self.model_fields_set) == (self.condition is not None):
            raise ValueError("a case needs either `when` (a value) or `condition`")
        return self


class SwitchStep(BaseStep):
    """Runs the steps of the first case that fits, else those of `default`.

    Later steps may refer to the steps of the branches as if they stood beside the switch; those of branches that were
    not taken count as skipped. Branches may use the same step names.
    """

    type: Literal["switch"]
    value: JsonValue = None
    cases: tuple[SwitchCase, ...] = Field(min_length=1, max_length=200)
    default: tuple[Step, ...] | None = None

    @model_validator(mode="after")
    def _has_a_value_to_compare(self) -> SwitchStep:
        if "value" not in self.model_fields_set and any("when" in case.model_fields_set for case in self.cases):
            raise ValueError("a switch with `when` cases needs a `value` to compare them with")
        return self

    def bodies(self) -> tuple[Body, ...]:
        """Its branches in order, the default last."""
        branches: tuple[Body, ...] = tuple(
            (("cases", index, "steps"), case.steps) for index, case in enumerate(self.cases)
        )
        return branches if self.default is None else (*branches, (("default",), self.default))
