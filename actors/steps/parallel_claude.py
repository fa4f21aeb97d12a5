"""`parallel_claude`: several prompts at once, at most `max_parallel` in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import JsonValue

from actors.providers import ProviderError
from actors.steps.asking import make_request, rendered_options, result_of
from actors.steps.context import StepContext
from actors.steps.errors import failure_of
from actors.steps.output import write_text
from pipelines.execution import Spending
from pipelines.language import LanguageError, ParallelClaudeStep, ParallelTask, render_text, to_text

_TASK = "@task."


async def ask_parallel(context: StepContext) -> JsonValue:
    """Every task's result by id, and what each came to as the list `results` (null for a failed one).

    A retry, and the step after a crash, ask only what has no answer yet. Single failures that no other attempt can mend
    stay in the result (`success` is then false); when every task failed, the step fails.
    """
    step: ParallelClaudeStep = context.step
    places = asyncio.Semaphore(step.max_parallel)
    errors: dict[str, Exception] = {}
    for part, kept in (await context.recall()).items():
        if part.startswith(_TASK) and isinstance(kept, Mapping):
            context.kept.setdefault(part.removeprefix(_TASK), kept["task"])

    async def one(task: ParallelTask) -> None:
        async with places:
            if task.id in context.kept:
                return
            try:
                answer = await _ask(context, task)
            except (ProviderError, LanguageError) as error:
                errors[task.id] = error
                return
        # Wrapped, so that what a task spent is counted with the step and not beside it.
        kept = await context.record(f"{_TASK}{task.id}", {"task": answer})
        context.kept[task.id] = kept["task"] if isinstance(kept, Mapping) else answer

    # A group, so that a cancelled step leaves no call behind and a kill switch ends all of them.
    try:
        async with asyncio.TaskGroup() as group:
            for task in step.parallel_tasks:
                group.create_task(one(task))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
    again = [error for error in errors.values() if failure_of(error).kind.worth_another_try]
    if again and not context.last_attempt:
        raise again[0]
    if len(errors) == len(step.parallel_tasks):
        raise next(iter(errors.values()))
    return _combined(step, context.kept, errors)


async def _ask(context: StepContext, task: ParallelTask) -> JsonValue:
    step: ParallelClaudeStep = context.step
    scope = await context.scope_with_files(step)
    request = make_request(task, scope, rendered_options(task.claude_options, scope), step.timeout_s)
    result = result_of(await context.ask(context.provider("claude"), request, part=task.id))
    if task.output_to_file is not None:
        await write_text(context, render_text(task.output_to_file, scope), to_text(result["result"]))
    return result


def _combined(
    step: ParallelClaudeStep, results: Mapping[str, JsonValue], errors: Mapping[str, Exception]
) -> dict[str, JsonValue]:
    spent = Spending()
    individual: dict[str, JsonValue] = {}
    outcome: list[JsonValue] = []
    texts: list[str] = []
    for task in step.parallel_tasks:
        result = results.get(task.id)
        if isinstance(result, Mapping):
            spent.add(dict(result))
            texts.append(f"## {task.id}\n\n{result.get('text', '')}")
            individual[task.id] = dict(result)
            outcome.append(result.get("result"))
        else:
            individual[task.id] = {"success": False, "error": failure_of(errors[task.id]).error(task.id, "claude", 1)}
            outcome.append(None)
    text = "\n\n".join(texts)
    usage: dict[str, JsonValue] = {**spent.usage}
    return {
        "combined_results": text,
        "individual_results": individual,
        "results": outcome,
        "success": not errors,
        "text": text,
        "result": text,
        "usage": usage,
        "cost_usd": spent.cost_usd,
    }
