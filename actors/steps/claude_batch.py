"""`claude_batch`: many questions as one step, each answer kept in the journal as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.providers import Request
from actors.steps.asking import make_request, result_of
from actors.steps.batch_tasks import Question, questions_of
from actors.steps.context import StepContext
from actors.steps.errors import BatchFailedError, SwitchedOffError, failure_of
from actors.steps.preset_options import options_with_preset, preset_facts
from pipelines.context import PRIORITIES, ContextPart, joined
from pipelines.execution import LimitReachedError, batch_result, fewest_successes, task_breakdown
from pipelines.language import ClaudeBatchStep, ParallelTask

_TASK = "@task."


async def ask_batch(context: StepContext) -> JsonValue:
    """Every task's result in `batch_results`; a retry, and the step after a crash, ask only what has no answer yet.

    When fewer tasks succeed than `success_policy` wants and no further attempt can mend it, raises `BatchFailedError`;
    when all failed, what the first one failed with. Raises the jail's errors for `files`.
    """
    step: ClaudeBatchStep = context.step
    questions = await questions_of(context)
    preset, options = options_with_preset(context)
    results = {
        part.removeprefix(_TASK): kept["task"]
        for part, kept in (await context.recall()).items()
        if part.startswith(_TASK) and isinstance(kept, Mapping)
    }
    errors: dict[str, Exception] = {}
    size = step.batch_config.batch_size or max(1, len(questions))
    for begin in range(0, len(questions), size):
        missing = [each for each in questions[begin : begin + size] if each.id not in results]
        await _ask_all(context, missing, options, results, errors)
    if not context.last_attempt:
        for error in errors.values():
            if failure_of(error).kind.worth_another_try:
                raise error
    wanted = fewest_successes(step.batch_config, len(questions))
    if errors and not results and wanted:
        raise next(iter(errors.values()))
    told = {each: failure_of(error).error(each, "claude_batch", context.attempt) for each, error in errors.items()}
    if len(results) < wanted:
        raise BatchFailedError(len(results), len(questions), wanted, next(iter(told.values())))
    files = {each.id: each.file for each in questions if each.file is not None}
    ids = tuple(each.id for each in questions)
    result = batch_result(ids, files, results, told, step.batch_config)
    facts: JsonValue = {
        "step_name": step.name,
        "total_tasks": len(ids),
        "task_breakdown": task_breakdown(result["batch_results"]),
        "files_processed": list(files.values()),
    }
    return {**result, "claude_batch_metadata": facts, **preset_facts(context, preset)}


async def _ask_all(
    context: StepContext,
    questions: list[Question],
    options: Mapping[str, JsonValue],
    results: dict[str, JsonValue],
    errors: dict[str, Exception],
) -> None:
    places = asyncio.Semaphore(context.step.batch_config.max_parallel)

    async def one(question: Question) -> None:
        async with places:
            try:
                answer = await _ask(context, question, options)
            except (SwitchedOffError, LimitReachedError):
                raise
            except Exception as error:  # noqa: BLE001 - one task's failure is the policy's business, like a step's
                errors[question.id] = error
                return
        # Wrapped, so that what a task spent is counted with the step and not beside it.
        kept = await context.record(f"{_TASK}{question.id}", {"task": answer})
        results[question.id] = kept["task"] if isinstance(kept, Mapping) else answer

    # A group, so that a cancelled step leaves no call behind and a kill switch ends all of them.
    try:
        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(one(question))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several


async def _ask(context: StepContext, question: Question, options: Mapping[str, JsonValue]) -> JsonValue:
    step: ClaudeBatchStep = context.step
    scope = await context.scope_with_files(step)
    text = ""
    if question.file is not None:
        text = await context.in_thread(context.jail.read_text, question.file)
        facts: dict[str, JsonValue] = {
            "path": question.file,
            "name": PurePosixPath(question.file).name,
            "content": text,
            "index": question.index,
            "parent": None if scope.loop is None else dict(scope.loop),
        }
        scope = struct_replace(scope, loop=facts)
    asked = ParallelTask(
        id=question.id,
        prompt=question.prompt,
        prompt_parts=question.parts,
        model=step.model,
        system=question.system or step.system,
        max_tokens=step.max_tokens,
        temperature=step.temperature,
    )
    request = make_request(asked, scope, {**options, **question.options}, _timeout_s(step), step.output_schema)
    if text and not question.places_the_file:
        request = _followed_by(request, question.file or "", text)
    return result_of(await context.ask(context.provider("claude"), request, part=question.id))


def _followed_by(request: Request, file: str, text: str) -> Request:
    """The request with the file's text behind its prompt."""
    material = ContextPart(f"file {file}", text, "material", PRIORITIES["material"])
    if request.prompt:
        *others, last = request.parts
        parts = (*others, replace(last, glue="\n\n"), material)
    else:
        parts = (material,)
    return replace(request, prompt=joined(parts), parts=parts)


def _timeout_s(step: ClaudeBatchStep) -> float | None:
    milliseconds = step.batch_config.timeout_per_task
    return step.timeout_s if milliseconds is None else milliseconds / 1000
