"""A step for trying things out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from .base import BaseStep


class TestEchoStep(BaseStep):
    """Answers its `value`, after `delay_s`, or fails: the no-op of tests and benches."""

    __test__ = False

    type: Literal["test_echo"]
    value: JsonValue = None
    fail: bool = False
    error_message: str | None = None
    delay_s: float = Field(default=0, ge=0)
