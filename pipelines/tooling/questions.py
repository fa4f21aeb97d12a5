"""What a step asks providers, whatever its type: itself, each of its tasks, once for each of its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import JsonValue

from pipelines.language import (
    BaseStep,
    ClaudeBatchStep,
    ContextConfig,
    ParallelClaudeStep,
    PromptStep,
    is_template,
)
from pipelines.presets import DEFAULT_PRESETS, with_overrides

Key = tuple[str | int, ...]
_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `key` is below the step, `id` the task's ("" for the step itself). `file` is a workspace file whose
    text goes along; `times` how often it is asked, None where only the run knows (once for each file)."""

    key: Key
    id: str
    prompt: str
    system: str
    model: str | None
    options: Mapping[str, Any]
    max_tokens: int | None
    schema: JsonValue
    context: ContextConfig
    output_to_file: str | None = None
    file: str | None = None
    times: int | None = 1

    @property
    def has_schema(self) -> bool:
        """Whether the answer has to fit a schema."""
        return self.schema is not None

    @property
    def named_model(self) -> str | None:
        """The model that the text names; None when it leaves it to the provider or to a template."""
        model: Any = self.model or self.options.get("model")
        return model if isinstance(model, str) and model and not is_template(model) else None

    @property
    def longest_answer(self) -> int | None:
        """`max_tokens`, wherever the step says it."""
        for most in (self.max_tokens, self.options.get("max_tokens")):
            if isinstance(most, int) and not isinstance(most, bool) and most > 0:
                return most
        return None


def questions(step: BaseStep) -> Iterator[Question]:
    """All of them, in the order of the text; none for steps that ask nobody."""
    if isinstance(step, PromptStep):
        yield _of(step, step, (), "")
    elif isinstance(step, ParallelClaudeStep):
        for index, task in enumerate(step.parallel_tasks):
            yield _of(step, task, ("parallel_tasks", index), task.id)
    elif isinstance(step, ClaudeBatchStep):
        yield from _of_batch(step)


def _of_batch(step: ClaudeBatchStep) -> Iterator[Question]:
    for index, task in enumerate(step.tasks):
        yield _of(step, task, ("tasks", index), task.id, task.file)
    if step.files is not None:
        named = _named_files(step.files)
        if named is None:
            yield replace(_of(step, step, (), "files"), times=None)
        for path in named or ():
            yield _of(step, step, (), path, path)
    elif step.prompt is not None and not step.tasks:
        yield _of(step, step, (), "")


def _named_files(files: JsonValue) -> tuple[str, ...] | None:
    paths = files if isinstance(files, list) else [files]
    texts = [each for each in paths if isinstance(each, str)]
    known = len(texts) == len(paths) and not any(is_template(each) or not _WILD.isdisjoint(each) for each in texts)
    return tuple(texts) if known else None


def _of(step: BaseStep, asked: Any, key: Key, name: str, file: str | None = None) -> Question:
    """`asked` is the step or a task of it; what a task does not say, its step may."""
    budget = getattr(asked, "token_budget", None)
    own: Mapping[str, Any] = getattr(asked, "claude_options", None) or {}
    common: Mapping[str, Any] = getattr(step, "claude_options", None) or {}
    options = {**common, **own}
    return Question(
        key=key,
        id=name,
        prompt=asked.prompt or "",
        system=_system(asked, step, options),
        model=_either(asked, step, "model"),
        options=options,
        max_tokens=_either(asked, step, "max_tokens") or getattr(budget, "max_output_tokens", None),
        schema=_either(asked, step, "output_schema"),
        context=getattr(step, "context", ContextConfig()),
        output_to_file=getattr(asked, "output_to_file", None),
        file=file,
    )


def _system(asked: Any, step: BaseStep, options: Mapping[str, Any]) -> str:
    """The step's own text, else those of its options, which a preset gives to types that have one."""
    own = _either(asked, step, "system")
    if own is not None:
        return str(own)
    preset = getattr(step, "preset", None) or DEFAULT_PRESETS.get(getattr(step, "type", ""))
    merged = with_overrides(preset, options) if preset else options
    parts = (merged.get("system_prompt"), merged.get("append_system_prompt"))
    return "\n\n".join(part for part in parts if isinstance(part, str) and part)


def _either(asked: Any, step: Any, name: str) -> Any:
    own = getattr(asked, name, None)
    return getattr(step, name, None) if own is None else own
