"""Warnings: what loads and runs but is hardly meant. Each is a `Diagnostic` of severity `warning`.

They must be quiet where they cannot know: a step type they have not heard of is taken to do something useful, a name
whose value only the run knows is taken to be able to be anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Final

from pydantic import JsonValue

from pipelines.language import (
    BaseStep,
    Diagnostic,
    Document,
    ForLoopStep,
    LanguageError,
    OutputPath,
    Pipeline,
    PipelineStep,
    Scope,
    compile_condition,
    evaluate,
    key_path_text,
    place_in,
    template_references,
)

from .models import (
    ESTIMATE,
    Asked,
    Key,
    LoadModels,
    Models,
    count_tokens,
    longest_answer,
    model_of,
    named_model,
    provider_of,
    questions,
    written_characters,
)

# Steps that leave nothing behind but their result.
_PURE: Final = frozenset(
    {"claude", "claude_smart", "claude_extract", "parallel_claude", "gemini", "gemini_instructor", "data_transform",
     "codebase_query"}
)  # fmt: skip
_PURE_FILE_OPS: Final = frozenset({"read", "list"})
_MOST_COMBINATIONS: Final = 64
_SMALL_PROMPT: Final = 100_000

Found = tuple[str, Key, str, str]  # code, key, message, fix


def warnings_for(pipeline: Pipeline, document: Document, load_models: LoadModels, today: date) -> list[Diagnostic]:
    """All warnings of a valid pipeline, in the order of the text. `load_models` is called only when a model matters."""
    found = [*_unused(pipeline), *_unreachable(pipeline), *_models(pipeline, _once(load_models), today)]
    warnings: list[Diagnostic] = []
    for code, key, message, fix in found:
        place = place_in(document, key)
        at = document.position(place)
        warnings.append(
            Diagnostic("warning", code, message, document.file, at.line, at.column, key_path_text(place), "", fix)
        )
    return sorted([*document.warnings, *warnings], key=lambda each: (each.line, each.column))


def _once(load: LoadModels) -> LoadModels:
    kept: list[Models] = []

    def models() -> Models:
        if not kept:
            kept.append(load())
        return kept[0]

    return models


def _unused(pipeline: Pipeline) -> Iterator[Found]:
    """Steps that no output, no effect and no other used step needs. Without declared outputs every result is one."""
    if pipeline.outputs is None:
        return
    used = {step.name for step in pipeline.steps if not _is_pure(step)} | _in_outputs(pipeline)
    waiting = [name for name in used if name in pipeline.dependency_graph]
    while waiting:
        for other in pipeline.dependency_graph[waiting.pop()]:
            if other not in used:
                used.add(other)
                waiting.append(other)
    for index, step in enumerate(pipeline.steps):
        if step.name not in used:
            message = f"nothing uses the result of step '{step.name}'"
            yield "unused_step", ("steps", index), message, "refer to it, name it under outputs, or remove it"


def _is_pure(step: BaseStep) -> bool:
    kind = str(getattr(step, "type", ""))
    if step.output_to_file is not None or any(asked.output_to_file for _, asked in questions(step)):
        return False
    return kind in _PURE or (kind == "file_ops" and getattr(step, "operation", "") in _PURE_FILE_OPS)


def _in_outputs(pipeline: Pipeline) -> set[str]:
    outputs = pipeline.outputs
    if isinstance(outputs, dict):
        found, _ = template_references(outputs, ("outputs",))
        # `{{ steps }}` as a whole hands every result over.
        if any(each.path == ("steps",) for each in found):
            return {step.name for step in pipeline.steps}
        return {str(each.path[1] if each.path[0] == "steps" else each.path[0]) for each in found}
    return {each.path.split(".")[0].split("[")[0] if isinstance(each, OutputPath) else each for each in outputs or ()}


def _unreachable(pipeline: Pipeline) -> Iterator[Found]:
    """Conditions that no input can make true, and loops over nothing."""
    fix = "correct the condition, or remove the step"
    for key, step, owner in _all_steps(pipeline, ("steps",)):
        if step.condition is not None and never_holds(step.condition, owner):
            yield "unreachable", (*key, "condition"), f"step '{step.name}' never runs: its condition never holds", fix
        if isinstance(step, ForLoopStep) and step.data_source == []:
            yield "unreachable", (*key, "data_source"), f"the loop '{step.name}' has nothing to go over", "give it data"


def never_holds(condition: JsonValue, pipeline: Pipeline) -> bool:
    """Whether `condition` is false for every value its names can have, as far as the declarations tell.

    Names with few possible values are inputs with an `enum` and boolean inputs; any other name makes it possible.
    """
    if isinstance(condition, list | tuple):
        return any(never_holds(each, pipeline) for each in condition)
    if isinstance(condition, dict) and isinstance(condition.get("and"), list):
        return never_holds(condition["and"], pipeline)
    if condition is None or isinstance(condition, bool):
        return condition is False
    try:
        texts = _texts_of(condition)
        compiled = [compile_condition(text) for text in texts]
        names = {path for each in compiled for path in (*each.paths, *each.template_paths)}
        domains: dict[str, tuple[JsonValue, ...]] = {}
        for path in names:
            domain = _domain(path, pipeline)
            if domain is None:
                return False
            domains[str(path[-1])] = domain
        combinations = 1
        for each in domains.values():
            combinations *= len(each)
        if combinations > _MOST_COMBINATIONS:
            return False
        tried = (dict(zip(domains, values, strict=True)) for values in product(*domains.values()))
        return not any(evaluate(condition, Scope(inputs=inputs)) for inputs in tried)
    except LanguageError:
        return False  # such as now(), whose value only the run has


def _texts_of(condition: JsonValue) -> list[str]:
    if isinstance(condition, str):
        return [condition]
    if isinstance(condition, dict):
        return [text for inner in condition.values() for text in _texts_of(inner)]
    return [text for each in condition for text in _texts_of(each)] if isinstance(condition, list) else []


def _domain(path: tuple[str | int, ...], pipeline: Pipeline) -> tuple[JsonValue, ...] | None:
    if len(path) != 2 or path[0] != "inputs":
        return None
    spec = pipeline.inputs.get(str(path[1]))
    if spec is None:
        return None
    values = spec.enum or ((True, False) if spec.type == "boolean" else ())
    # An input that may be left out is its default then, which need not be one of the others.
    return (*values, spec.default) if values and not spec.is_required else values or None


def _all_steps(pipeline: Pipeline, at: Key) -> Iterator[tuple[Key, BaseStep, Pipeline]]:
    waiting: list[tuple[Key, tuple[BaseStep, ...], Pipeline]] = [(at, pipeline.steps, pipeline)]
    while waiting:
        key, steps, owner = waiting.pop()
        for index, step in enumerate(steps):
            yield (*key, index), step, owner
            if isinstance(step, PipelineStep) and step.pipeline is not None:
                waiting.append(((*key, index, "pipeline", "steps"), step.pipeline.steps, step.pipeline))
            waiting += [((*key, index, *inner), body, owner) for inner, body in step.bodies()]


def _models(pipeline: Pipeline, load: LoadModels, today: date) -> Iterator[Found]:
    for key, step, _ in _all_steps(pipeline, ("steps",)):
        for place, asked in questions(step):
            # Reading the price data costs more than all else here, so it waits for a reason.
            if (named_model(asked) is None and len(asked.prompt) < _SMALL_PROMPT) or step.provider == "offline":
                continue
            models = load()
            model = model_of(step, asked, models.routing)
            if model is not None and (named_model(asked) or provider_of(step, models.routing) != "offline"):
                yield from _model(model, asked, (*key, *place), models, today)


def _model(model: str, asked: Asked, key: Key, models: Models, today: date) -> Iterator[Found]:
    if models.book.cost_usd(model, 1, 1, today) is None:
        at = (*key, "model") if asked.model else (*key, "claude_options", "model")
        message = f"no price is known for the model '{model}'"
        yield "missing_price", at, message, "check the name, or add model and price to config/models.yaml"
    facts = models.book.facts(model)
    if facts is None:
        return
    size = count_tokens(written_characters(asked.prompt) + written_characters(asked.system or ""))
    if size > facts.context_window:
        message = f"the prompt has at least about {size:,} tokens and '{model}' holds {facts.context_window:,}"
        yield "prompt_too_large", (*key, "prompt"), f"{message} ({ESTIMATE})", "shorten it, or name a larger model"
    most = longest_answer(asked)
    if most is not None and most > facts.max_output_tokens:
        message = f"{most:,} tokens are asked for and '{model}' answers with {facts.max_output_tokens:,} at most"
        yield "answer_too_large", (*key, "max_tokens"), message, f"write {facts.max_output_tokens} or less"
