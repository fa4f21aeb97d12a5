"""An answer in a given shape: checked, and asked for once more, with what is wrong, when it does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import JsonValue

from actors.providers import Answer, Request, TransientError
from actors.steps.asking import result_of
from actors.steps.context import StepContext
from actors.steps.errors import AnswerMisfitError
from pipelines.execution import Spending
from pipelines.extraction import NoJsonError, checks_prepared, parse_json_answer, prepare_checks, validate_against

_LONGEST_QUOTE = 4_000
_MISFITS = frozenset({"malformed_data", "schema_mismatch"})


async def ask_conforming(
    context: StepContext, provider: str, request: Request, parts: tuple[str, str] = ("", "again")
) -> tuple[Answer, dict[str, JsonValue]]:
    """The answer, and a step's result with the data that conforms as `result` and what both calls cost.

    `parts` name the two calls among others of the step. Raises `AnswerMisfitError` when the second answer does not fit
    either, and what `StepContext.ask` raises.
    """
    schema = cast("Mapping[str, Any]", request.json_schema)
    spent = Spending()
    problems: Sequence[str] = ()
    for number, part in enumerate(parts):
        asked = request if number == 0 else replace(request, prompt=_told_again(request.prompt, problems))
        try:
            answer = await context.ask(provider, asked, part)
        except TransientError as refused:
            # The provider itself found that its answer does not fit: the same as finding it here.
            if refused.code not in _MISFITS:
                raise
            problems = (refused.message,)
            continue
        result = result_of(answer)
        spent.add(result)
        if not checks_prepared():  # by a provider otherwise, which a kept answer did without
            await asyncio.to_thread(prepare_checks)
        data, problems = _checked(schema, answer)
        if answer.data is None or problems:
            context.judge(fits=not problems)
        if not problems:
            usage: dict[str, JsonValue] = {**spent.usage}
            return answer, {**result, "result": data, "usage": usage, "cost_usd": spent.cost_usd}
    raise AnswerMisfitError(f"{provider} answered twice without conforming to the schema: {'; '.join(problems)}")


def _checked(schema: Mapping[str, Any], answer: Answer) -> tuple[JsonValue, tuple[str, ...]]:
    """(the data, what is wrong with it)."""
    data: JsonValue = answer.data
    if data is None:
        try:
            data = parse_json_answer(answer.text)
        except NoJsonError as error:
            return None, (str(error),)
    return data, validate_against(schema, data)


def _told_again(prompt: str, problems: Sequence[str]) -> str:
    told = "\n".join(f"- {problem}" for problem in problems)[:_LONGEST_QUOTE]
    return (
        f"{prompt}\n\nYour previous answer did not conform to the required schema:\n{told}\n"
        "Answer again with JSON that conforms to the schema, and nothing else."
    )
