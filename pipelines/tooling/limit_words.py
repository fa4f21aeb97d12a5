"""What bounds a pipeline, and what becomes of its other steps when one fails, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.language import BaseStep, ExecutorStep, Limits, NestingConfig, Pipeline, PipelineStep


def pipeline_words(pipeline: Pipeline) -> Iterator[str]:
    """A sentence each; none for a pipeline that says nothing of its own."""
    bounds = _bounds(pipeline.limits)
    if bounds:
        yield f"It may use {bounds}; then it is interrupted."
    if pipeline.on_failure == "finish":
        yield "If a step fails for good, whatever does not wait for it comes to its end first."


def nesting_words(step: BaseStep) -> Iterator[str]:
    """The same of the pipeline inside of a step: by the step's `config`, and by what that pipeline says itself."""
    if isinstance(step, PipelineStep):
        bounds = _bounds(step.config)
        if bounds:
            yield f"It may use {bounds}; then it is interrupted."
        if step.pipeline is not None:
            yield from pipeline_words(step.pipeline)
    elif isinstance(step, ExecutorStep):
        # Its time always has a bound, which is told with what it runs.
        bounds = _bounds(step.config.limits)
        if bounds:
            yield f"They may use {bounds}; then they are interrupted."


def _bounds(limits: Limits | NestingConfig) -> str:
    told: list[str] = []
    if limits.max_steps is not None:
        told.append(f"{limits.max_steps:,} steps")
    if limits.max_tokens is not None:
        told.append(f"{limits.max_tokens:,} tokens")
    if limits.max_cost_usd is not None:
        told.append(f"US$ {limits.max_cost_usd:f}")
    longest = limits.max_seconds
    if isinstance(limits, NestingConfig):
        longest = limits.longest_s
    if longest is not None:
        told.append(f"{longest:g} s")
    if limits.max_depth is not None and "max_depth" in limits.model_fields_set:
        told.append(f"{limits.max_depth} levels of pipelines")
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:]))) + " at most" if told else ""
