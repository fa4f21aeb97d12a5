"""`gemini`: one prompt, one answer, with the limits of a token budget; with functions, the answer after its calls."""

from __future__ import annotations

from dataclasses import replace

from pydantic import JsonValue

from actors.providers import Request
from actors.steps.asking import ask_step, make_request, result_of
from actors.steps.conforming import ask_conforming
from actors.steps.context import StepContext
from actors.steps.functions import FunctionTalk, ask_with_functions
from pipelines.language import GeminiInstructorStep, GeminiStep


async def ask_gemini(context: StepContext) -> JsonValue:
    """With a schema, `result` holds the data that conforms to it. With functions see `ask_with_functions`."""
    step: GeminiStep = context.step
    if not step.all_functions:
        answer, _ = await ask_step(context, "gemini", budget_options(step))
        return result_of(answer)
    request = await request_of(context, budget_options(step))
    return await answer_with_functions(context, request)


async def answer_with_functions(context: StepContext, request: Request) -> dict[str, JsonValue]:
    """The tool loop; then, where the request has a schema, the answer in its shape.

    The shape is asked for in a call of its own, which holds what the functions gave: vendors do not promise function
    calls and a schema in one.
    """
    step: GeminiStep | GeminiInstructorStep = context.step
    provider = context.provider("gemini")
    plain = replace(request, json_schema=None)
    answer, talk = await ask_with_functions(context, provider, plain, step.all_functions, step.max_rounds)
    result = talk.result(answer)
    if request.json_schema is None or talk.wanted is not None:
        return result
    asked = _with_findings(request, talk, answer.text)
    _, shaped = await ask_conforming(context, provider, asked, ("shape", "shape_again"))
    talk.spent.add(shaped)
    usage: dict[str, JsonValue] = {**talk.spent.usage}
    kept = {name: result[name] for name in ("function_calls", "rounds")}
    return {**shaped, **kept, "usage": usage, "cost_usd": talk.spent.cost_usd}


async def request_of(context: StepContext, options: dict[str, JsonValue]) -> Request:
    """The step's request. Raises `TemplateError` and the jail's errors."""
    step: GeminiStep | GeminiInstructorStep = context.step
    return make_request(step, await context.scope_with_files(step), options, step.timeout_s)


def budget_options(step: GeminiStep | GeminiInstructorStep) -> dict[str, JsonValue]:
    """The limits of its token budget as options."""
    budget = step.token_budget
    return {
        "max_tokens": budget.max_output_tokens,
        "temperature": budget.temperature,
        "top_p": budget.top_p,
        "top_k": budget.top_k,
    }


def _with_findings(request: Request, talk: FunctionTalk, said: str) -> Request:
    parts = (request.prompt, talk.findings(), said)
    return replace(request, prompt="\n\n".join(part for part in parts if part))
