"""`codebase_query`: reads the workspace's source files on a thread and answers questions about them."""

from __future__ import annotations

import threading
from collections import Counter

from pydantic import JsonValue

from actors.steps.context import StepContext
from actors.steps.errors import StepError
from actors.steps.survey import CodebaseJail, Survey, SurveyLimits
from pipelines.codebase import Codebase, CriteriaError, Question, answer_question, read_question
from pipelines.execution import FailureKind
from pipelines.language import CodebaseQueryStep, render, render_text


class CodebaseQueryError(StepError):
    """A query cannot be understood, or names a file that is not there."""

    code = "codebase_query"
    kind = FailureKind.INVALID


async def query_codebase(context: StepContext) -> JsonValue:
    """{query name: answer} as `result`, and what was read as `metadata`; with `complete` false something was left out.

    Raises `CodebaseQueryError`, `TemplateError`, the jail's errors.
    """
    step: CodebaseQueryStep = context.step
    path = render_text(step.path, context.scope)
    rendered = render({name: dict(query) for name, query in step.queries.items()}, context.scope)
    assert isinstance(rendered, dict)
    try:
        questions = {name: read_question(name, query) for name, query in rendered.items()}
    except CriteriaError as error:
        raise CodebaseQueryError(str(error)) from error
    given_up = threading.Event()
    clock = context.kernel.clock
    limits = SurveyLimits(step.max_files, step.max_bytes, clock.now() + step.max_seconds, clock.now, given_up.is_set)
    jail = CodebaseJail(context.workspace)
    exclude = frozenset(each.strip("/") for each in step.exclude)
    try:
        return await context.in_thread(_answers, jail, path, exclude, limits, questions)
    finally:
        # A thread cannot be cancelled: it looks at this between two files.
        given_up.set()


def _answers(
    jail: CodebaseJail, path: str, exclude: frozenset[str], limits: SurveyLimits, questions: dict[str, Question]
) -> JsonValue:
    survey = jail.survey(path, exclude, limits)
    codebase = Codebase(survey.files)
    answers: dict[str, JsonValue] = {}
    for name, question in questions.items():
        try:
            answers[name] = answer_question(codebase, question)
        except CriteriaError as error:
            raise CodebaseQueryError(f"{name}: {error}") from error
    return {"result": answers, "success": True, "metadata": _metadata(survey)}


def _metadata(survey: Survey) -> dict[str, JsonValue]:
    languages = Counter(file.language for file in survey.files if file.language is not None)
    problems: list[JsonValue] = [
        {"path": file.path, "problem": file.outline.problem} for file in survey.files if file.outline.problem
    ]
    return {
        "files": len(survey.files),
        "bytes_read": survey.bytes_read,
        "languages": dict(sorted(languages.items())),
        "complete": not survey.left_out,
        "left_out": {**survey.left_out},
        "problems": problems[:100],
    }
