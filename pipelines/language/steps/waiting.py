"""Steps that wait: for a person (`approval`), or for a time (`wait`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from pipelines.language.parts import RetryPolicy

from .base import BaseStep, OnError

REJECT = "reject"
MOST_APPROVALS = 10
LONGEST_WAIT_S = 366 * 86_400.0
Choice = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_\-]*$", max_length=60)]


class WaitingStep(BaseStep):
    """What both have. They are tried once, and no other way is ever looked for: nothing stands in for a person's
    answer, and a time that has not come yet cannot be had otherwise."""

    retry: RetryPolicy = RetryPolicy(max_attempts=1)
    on_error: OnError = "fail"


class ApprovalStep(WaitingStep):
    """Waits until a person answers.

    `message` and `preview` are what the person sees. Every one of the `choices` but `reject` approves. `fields` (JSON
    Schema, or names with types) is the data that an approval must bring. A rejection fails the step, or with
    `on_reject: continue` is its result. Without `expires_in_s` the step waits for as long as it takes.
    `approvals_needed` persons must say yes, none of whom has submitted the run with `not_by_submitter`. With
    `always_ask` nothing but a person ever answers, whatever trust was built.
    """

    type: Literal["approval"]
    message: str = Field(min_length=1)
    preview: JsonValue = None
    choices: tuple[Choice, ...] = Field(default=("approve", REJECT), min_length=1, max_length=20)
    fields: JsonValue = None
    expires_in_s: float | None = Field(default=None, gt=0, le=LONGEST_WAIT_S)
    on_expiry: Literal["reject", "approve", "fail"] = REJECT
    on_reject: Literal["fail", "continue"] = "fail"
    approvals_needed: int = Field(default=1, ge=1, le=MOST_APPROVALS)
    not_by_submitter: bool = False
    always_ask: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> ApprovalStep:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("each of the `choices` may be there once")
        if self.approving is None:
            raise ValueError("one of the `choices` must be another one than `reject`")
        if "on_expiry" in self.model_fields_set and self.expires_in_s is None:
            raise ValueError("`on_expiry` needs `expires_in_s`: without it the step waits for as long as it takes")
        if self.on_expiry == "approve" and self.fields is not None:
            raise ValueError("`on_expiry: approve` cannot fill in the `fields`; use `reject` or `fail`")
        if self.on_expiry == "approve" and self.approvals_needed > 1:
            raise ValueError("`on_expiry: approve` cannot stand for several persons; use `reject` or `fail`")
        return self

    @property
    def approving(self) -> str | None:
        """The first choice that approves."""
        return next((choice for choice in self.choices if choice != REJECT), None)


class WaitStep(WaitingStep):
    """Waits `for_s` seconds, or `until` a moment (ISO 8601, with a time zone or in UTC). Both may be templates.

    The moment is fixed when the step begins and stays what it is over restarts. `message` says what for.
    """

    type: Literal["wait"]
    for_s: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)] | str | None = None
    until: str | None = Field(default=None, min_length=1)
    message: str | None = None

    @model_validator(mode="after")
    def _says_how_long(self) -> WaitStep:
        if (self.for_s is None) == (self.until is None):
            raise ValueError("a wait needs either `for_s` (seconds) or `until` (a moment), or a `message` to approve")
        if isinstance(self.for_s, str) and "{{" not in self.for_s:
            raise ValueError(
                f"`for_s: {self.for_s[:40]}` is no time: write seconds, `90s`, `5m`, `2h`, `1d` or a template"
            )
        if self.until is not None and "{{" not in self.until:
            moment_of(self.until)
        return self


def moment_of(written: str) -> datetime:
    """A moment as ISO 8601 has it; without a time zone it is one in UTC. Raises `ValueError`, with the fix."""
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        wanted = "write it as 2030-01-31T18:00:00Z"
        raise ValueError(f"`until: {written[:40]}` is no moment: {wanted}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
