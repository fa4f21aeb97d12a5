"""Warnings: what loads and runs but is hardly meant. Each is a `Diagnostic` of severity `warning`.

They must be quiet where they cannot know: a step type they have not heard of is taken to do something useful, a name
whose value only the run knows is taken to be able to be anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import product
from typing import Final

from pydantic import JsonValue

from pipelines.context import estimate_tokens
from pipelines.language import (
    BaseStep,
    DeployStep,
    Diagnostic,
    Document,
    ForLoopStep,
    LanguageError,
    OutputPath,
    Pipeline,
    PipelineStep,
    Scope,
    SwitchStep,
    compile_condition,
    evaluate,
    key_path_text,
    place_in,
    references,
    template_references,
)

from .branches import dead_branches
from .models import LoadModels, Models, model_of, provider_of
from .questions import Key, Question, questions
from .sizing import written
from .spans import ESTIMATE

# Steps that leave nothing behind but their result.
_PURE: Final = frozenset(
    {"claude", "claude_smart", "claude_extract", "claude_robust", "claude_batch", "parallel_claude", "gemini",
     "gemini_instructor", "data_transform", "codebase_query"}
)  # fmt: skip
_PURE_FILE_OPS: Final = frozenset({"read", "list"})
_MOST_COMBINATIONS: Final = 64
_SMALL_PROMPT: Final = 100_000

Found = tuple[str, Key, str, str]  # code, key, message, fix


def warnings_for(pipeline: Pipeline, document: Document, load_models: LoadModels, today: date) -> list[Diagnostic]:
    """All warnings of a valid pipeline, in the order of the text. `load_models` is called only when a model matters."""
    found = [
        *_unused(pipeline),
        *_unreachable(pipeline),
        *_not_available(pipeline),
        *_models(pipeline, _once(load_models), today),
    ]
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
    for step in pipeline.finally_:
        for each in references(step)[0]:
            used |= _named(each.path, pipeline)
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
    if step.output_to_file is not None or any(asked.output_to_file for asked in questions(step)):
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


def _named(path: tuple[str | int, ...], pipeline: Pipeline) -> set[str]:
    """The steps that a path may name."""
    if path == ("steps",):
        return {step.name for step in pipeline.steps}
    root, *rest = path
    return {str(rest[0] if root == "steps" else root)}


def _unreachable(pipeline: Pipeline) -> Iterator[Found]:
    """Conditions that no input can make true, branches that others hide, and loops over nothing."""
    fix = "correct the condition, or remove the step"
    for key, step, owner in _all_steps(pipeline, ("steps",)):
        if step.condition is not None and never_holds(step.condition, owner):
            yield "unreachable", (*key, "condition"), f"step '{step.name}' never runs: its condition never holds", fix
        if isinstance(step, ForLoopStep) and step.data_source == []:
            yield "unreachable", (*key, "data_source"), f"the loop '{step.name}' has nothing to go over", "give it data"
        if isinstance(step, SwitchStep):
            for below, why in dead_branches(step, partial(never_holds, pipeline=owner)):
                yield (
                    "unreachable",
                    (*key, *below),
                    f"step '{step.name}': {why}",
                    "correct the cases, or remove this one",
                )


def _not_available(pipeline: Pipeline) -> Iterator[Found]:
    """Steps that the node cannot carry out yet."""
    for key, step, _ in _all_steps(pipeline, ("steps",)):
        if isinstance(step, DeployStep):
            message = f"step '{step.name}' deploys a pipeline, which no node can do yet: it fails with 'not_available'"
            fix = "" if step.on_error == "continue" else "write `on_error: continue` to let the run go on without it"
            yield "not_available", (*key, "type"), message, fix


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
    waiting: list[tuple[Key, tuple[BaseStep, ...], Pipeline]] = [
        (at, pipeline.steps, pipeline),
        ((*at[:-1], "finally"), pipeline.finally_, pipeline),
    ]
    while waiting:
        key, steps, owner = waiting.pop()
        for index, step in enumerate(steps):
            yield (*key, index), step, owner
            if isinstance(step, PipelineStep) and step.pipeline is not None:
                inner_key = (*key, index, "pipeline")
                waiting.append(((*inner_key, "steps"), step.pipeline.steps, step.pipeline))
                waiting.append(((*inner_key, "finally"), step.pipeline.finally_, step.pipeline))
            waiting += [((*key, index, *inner), body, owner) for inner, body in step.bodies()]


def _models(pipeline: Pipeline, load: LoadModels, today: date) -> Iterator[Found]:
    for key, step, _ in _all_steps(pipeline, ("steps",)):
        told: set[tuple[str, str]] = set()
        for asked in questions(step):
            for found in _of_question(step, asked, (*key, *asked.key), load, today):
                # The tasks of a step share its model: one warning tells it.
                if (found[0], found[2]) not in told:
                    told.add((found[0], found[2]))
                    yield found


def _of_question(step: BaseStep, asked: Question, key: Key, load: LoadModels, today: date) -> Iterator[Found]:
    yield from _own_limit(asked, key)
    # Reading the price data costs more than all else here, so it waits for a reason.
    wanted = asked.named_model is not None or asked.context.on_overflow != "fail"
    if (not wanted and len(asked.prompt) < _SMALL_PROMPT) or step.provider == "offline":
        return
    models = load()
    model = model_of(step, asked, models.routing)
    if model is not None and (asked.named_model or provider_of(step, models.routing) != "offline"):
        yield from _model(model, asked, key, models, today)


def _own_limit(asked: Question, key: Key) -> Iterator[Found]:
    """A written prompt that its step's own limit does not let through."""
    most = asked.context.max_input_tokens
    size = estimate_tokens(written(asked.prompt) + written(asked.system))
    if most is not None and size > most and asked.context.on_overflow == "fail":
        message = f"the prompt has at least about {size:,} tokens and `max_input_tokens` is {most:,}: it will fail"
        yield "prompt_too_large", (*key, "prompt"), f"{message} ({ESTIMATE})", "shorten it, or raise the limit"


def _model(model: str, asked: Question, key: Key, models: Models, today: date) -> Iterator[Found]:
    if models.book.cost_usd(model, 1, 1, today) is None:
        at = (*key, "model") if asked.model else (*key, "claude_options", "model")
        message = f"no price is known for the model '{model}'"
        yield "missing_price", at, message, "check the name, or add model and price to config/models.yaml"
    facts = models.book.facts(model)
    if facts is None:
        if asked.context.on_overflow != "fail" and asked.context.max_input_tokens is None:
            message = f"the context window of '{model}' is not known, so nothing is ever too large for it"
            fix = "add `max_input_tokens`, or the model to config/models.yaml"
            yield "unknown_window", (*key, "context"), message, fix
        return
    size = estimate_tokens(written(asked.prompt) + written(asked.system))
    if size > facts.context_window:
        message = f"the prompt has at least about {size:,} tokens and '{model}' holds {facts.context_window:,}"
        yield "prompt_too_large", (*key, "prompt"), f"{message} ({ESTIMATE})", "shorten it, or name a larger model"
    most = asked.longest_answer
    if most is not None and most > facts.max_output_tokens:
        message = f"{most:,} tokens are asked for and '{model}' answers with {facts.max_output_tokens:,} at most"
        yield "answer_too_large", (*key, "max_tokens"), message, f"write {facts.max_output_tokens} or less"
