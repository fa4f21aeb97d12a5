"""Which budgets a pipeline and its steps fall under when they do not say so themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from pipelines.language import BaseStep, Pipeline, PipelineStep, PromptStep, Step

T = TypeVar("T")

MOST_SIMPLE_STEPS: Final = 10
_META_TYPES: Final = frozenset(
    {"pipeline_executor", "parallel_pipeline_executor", "conditional_deploy", "pipeline_deployer"}
)
_MOST_CONTENTS: Final = 512
_ANALYSIS_TYPES: Final = frozenset({"claude_extract", "codebase_query", "gemini_instructor"})


def once_per_content(look: Callable[[Pipeline], T]) -> Callable[[Pipeline], T]:
    """`look` at a definition, once for the same content however many runs it has; at most 512 contents are kept. From
    any thread, if `look` may be."""
    seen: dict[str, tuple[T]] = {}

    def looked(pipeline: Pipeline) -> T:
        key = pipeline.content_hash
        found = seen.get(key)
        if found is None:
            found = (look(pipeline),)
            if len(seen) >= _MOST_CONTENTS:
                seen.clear()
            seen[key] = found
        return found[0]

    return looked


@once_per_content
def tier_of(pipeline: Pipeline) -> str:
    """Its declared `tier`; else meta where it makes or deploys pipelines, complex where it has loops, branches, nested
    pipelines or more than ten steps, and simple otherwise."""
    if pipeline.tier is not None:
        return pipeline.tier
    steps = tuple(every_step(pipeline.all_steps))
    if any(step.type in _META_TYPES for step in steps):
        return "meta"
    nested = any(step.bodies() or isinstance(step, PipelineStep) for step in steps)
    return "complex" if nested or len(steps) > MOST_SIMPLE_STEPS else "simple"


def class_of(step: BaseStep) -> str:
    """Its declared `budget_class`; else analysis for what reads and extracts, and generation for all else. Nothing in a
    step's type says that it validates: that is declared."""
    declared: str | None = step.budget_class
    if declared is not None:
        return declared
    return "analysis" if getattr(step, "type", "") in _ANALYSIS_TYPES else "generation"


def every_step(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps and those inside of them, those of pipelines written in place too."""
    for step in steps:
        yield step
        for _, body in step.bodies():
            yield from every_step(body)
        inner = getattr(step, "pipeline", None)
        if isinstance(inner, Pipeline):
            yield from every_step(inner.all_steps)


def asking_steps(pipeline: Pipeline) -> tuple[Step, ...]:
    """The steps that ask a provider."""
    return tuple(step for step in every_step(pipeline.all_steps) if isinstance(step, PromptStep))
