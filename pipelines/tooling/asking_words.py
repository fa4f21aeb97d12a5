"""What steps that ask, and those that run pipelines made by others, do: in words."""

from __future__ import annotations

from pipelines.language import (
    BaseStep,
    ClaudeBatchStep,
    ClaudeRobustStep,
    ClaudeSessionStep,
    ExecutorStep,
    GeminiInstructorStep,
    GeminiStep,
    ParallelPipelineExecutorStep,
    PipelineExecutorStep,
)

from .models import Routing, model_of, provider_of
from .outline import condition_text
from .questions import Question, questions

_INSTEAD = {
    "graceful_degradation": "a notice stands in for the answer",
    "use_cached_response": "the last answer to the same question stands in",
    "simplified_prompt": "it asks once more, in short",
    "emergency_response": "a notice asks for a person",
}


def asking_words(step: BaseStep, routing: Routing) -> str | None:
    """What the step asks of whom; None for steps that ask nobody."""
    asked = list(questions(step))
    match step:
        case ClaudeBatchStep():
            return f"asks {_whom(step, asked, routing)} {_of_batch(step)}, {step.batch_config.max_parallel} at once"
        case PipelineExecutorStep():
            return f"runs the pipeline that {condition_text(step.pipeline)} is{_bounds(step)}"
        case ParallelPipelineExecutorStep():
            what = condition_text(step.pipelines)
            return f"runs the pipelines that {what} are, {step.max_parallel} at once, and ranks them{_bounds(step)}"
        case _ if not asked:
            return None
        case _:
            pass
    words = f"asks {_whom(step, asked, routing)}"
    if asked[0].has_schema:
        words += " for data of a given schema"
    match step:
        case GeminiStep() | GeminiInstructorStep() if step.all_functions:
            names = [each if isinstance(each, str) else each.name for each in step.all_functions]
            words += f", which may call {', '.join(names)} in up to {step.max_rounds} rounds"
        case ClaudeSessionStep():
            config = step.session_config
            words += f" the next thing in the conversation '{config.session_name or step.name}'"
            words += f" (its last {config.max_turns} turns go along)"
        case ClaudeRobustStep():
            words += f", up to {step.retry.max_attempts} times"
            instead = _INSTEAD.get(step.retry_config.fallback_action)
            words += f"; when that does not help, {instead}" if instead else ""
        case _:
            pass
    return words


def context_words(step: BaseStep) -> str | None:
    """What happens when a question is too large; None where nothing but failing is asked for."""
    found = next(iter(questions(step)), None)
    if found is None:
        return None
    config = found.context
    limit = "" if config.max_input_tokens is None else f" (more than {config.max_input_tokens:,} tokens)"
    match config.on_overflow:
        case "truncate":
            return f"A question that is too large{limit} is cut, what it refers to before what is written in it."
        case "summarise":
            return f"A question that is too large{limit} has its largest parts summed up by further questions."
        case "fail":
            return f"A question that is too large{limit} is not asked, and the step fails." if limit else None


def _whom(step: BaseStep, asked: list[Question], routing: Routing) -> str:
    model = model_of(step, asked[0], routing) if asked else None
    return f"{provider_of(step, routing)}{f' ({model})' if model else ''}"


def _of_batch(step: ClaudeBatchStep) -> str:
    parts = [f"{len(step.tasks)} question{'' if len(step.tasks) == 1 else 's'}"] if step.tasks else []
    if step.files is not None:
        parts.append(f"one for each file of {condition_text(step.files)}")
    return " and ".join(parts) or "1 question"


def _bounds(step: ExecutorStep) -> str:
    config = step.config
    whole = " in all" if isinstance(step, ParallelPipelineExecutorStep) else ""
    return f"; checked before it runs, {config.max_total_steps} steps and {config.longest_s:g} s{whole} at most"
