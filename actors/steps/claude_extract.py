"""`claude_extract`: an answer in a given shape, checked, and asked for once more when it does not fit."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.context import StepContext


async def extract(context: StepContext) -> JsonValue:
    """With a schema the result is the data that conforms to it; without, the text in the wanted format.

    Raises `AnswerMisfitError` when the second answer does not fit either.
    """
    raise NotImplementedError
