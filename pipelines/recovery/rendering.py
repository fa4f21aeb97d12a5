"""A failed step with its texts as the provider saw them: what its alternatives are made from. Pure."""

from __future__ import annotations

from typing import Any, cast

from pipelines.language import BaseStep, ParallelClaudeStep, PromptStep, Scope, render, render_text


def rendered(step: BaseStep, scope: Scope) -> BaseStep:
    """The step with its texts as the provider would have seen them. Raises `TemplateError`."""
    if isinstance(step, PromptStep):
        system = None if step.system is None else render_text(step.system, scope)
        changes: dict[str, Any] = {"prompt": render_text(step.prompt, scope), "prompt_parts": (), "system": system}
        if hasattr(step, "claude_options"):
            changes["claude_options"] = render(cast(Any, step).claude_options, scope)
        return step.model_copy(update=changes)
    if isinstance(step, ParallelClaudeStep):
        tasks = tuple(
            task.model_copy(
                update={
                    "prompt": render_text(task.prompt, scope),
                    "prompt_parts": (),
                    "system": None if task.system is None else render_text(task.system, scope),
                    "claude_options": render(task.claude_options, scope),
                }
            )
            for task in step.parallel_tasks
        )
        return step.model_copy(update={"parallel_tasks": tasks})
    return step
