"""Other pipelines that may reach the result of a step that has failed.

Each is a whole, validated definition of its own. Texts of the failed step travel as inputs, so that nothing in them is
taken for a template. A new strategy is a function here, its name in `ranking` and its line in `_BUILDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pydantic import JsonValue

from pipelines.language import (
    BaseStep,
    GeminiStep,
    ParallelClaudeStep,
    Pipeline,
    PromptStep,
    Scope,
    build_pipeline,
    render,
    render_text,
)
from pipelines.recovery.failure import Failure
from pipelines.recovery.ranking import Learned, Strategy, ranked
from pipelines.recovery.simplify import simplified

JsonMap = dict[str, JsonValue]
Reading = Literal["as_is", "json_in_text", "parts", "apology"]

OFFLINE: Final = "offline"
ANSWER: Final = "answer"
_JSON_REQUEST: Final = (
    "{{inputs.prompt}}\n\nAnswer with one JSON value only, no other text, that conforms to this JSON Schema:\n"
    "{{inputs.schema}}"
)
_KEPT_OPTIONS: Final = ("max_tokens", "temperature", "system_prompt", "append_system_prompt", "max_turns")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way: the definition, its run inputs, and how its answer is read (`pipelines.recovery.read_answer`)."""

    strategy: Strategy
    detail: str
    pipeline: Pipeline
    inputs: JsonMap = field(default_factory=dict[str, JsonValue])
    reading: Reading = "as_is"
    degraded: bool = False

    @property
    def provider(self) -> str | None:
        """The provider its steps are sent to; None: by the node's routes."""
        return self.pipeline.steps[0].provider


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


def alternatives(
    step: BaseStep, failure: Failure, available_providers: Collection[str], learned: Learned
) -> tuple[Alternative, ...]:
    """Ways to the result of `step` (already `rendered`), most promising first, degraded answers last.

    None for a failure that must stand (`Failure.is_final`) and for steps whose effect or data nothing else can give:
    files, transforms, variables, loops, nested pipelines. Offline rules are an ordinary provider only on a node that
    has no vendor; elsewhere their answer counts as degraded.
    """
    if failure.is_final or not isinstance(step, PromptStep | ParallelClaudeStep):
        return ()
    found: list[Alternative] = []
    for strategy in ranked(failure, learned):
        found += _BUILDERS[strategy](step, failure, tuple(dict.fromkeys(available_providers)))
    return tuple(found)


# ---- strategies ------------------------------------------------------------------------------------------------


def _other_provider(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    for provider in _others(step, failure, available):
        raw, inputs = _same_kind(step)
        yield _alternative("other_provider", provider, [{**raw, "provider": provider}], inputs)


def _other_step_type(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    provider = _still_usable(step, failure, available)
    if provider is None:
        return
    if isinstance(step, ParallelClaudeStep):
        raws, inputs = _one_after_another(step)
        yield _alternative(
            "other_step_type", "claude one by one", [_at(raw, provider) for raw in raws], inputs, "parts"
        )
    elif isinstance(step, PromptStep) and step.output_schema is not None:
        inputs: JsonMap = {"prompt": step.prompt, "schema": step.output_schema}
        raw: JsonMap = {"name": ANSWER, "type": "claude", "prompt": _JSON_REQUEST}
        yield _alternative("other_step_type", "claude asked for JSON", [_at(raw, provider)], inputs, "json_in_text")
    elif isinstance(step, PromptStep) and getattr(step, "type", "") != "claude":
        raw = {"name": ANSWER, "type": "claude", "prompt": "{{inputs.prompt}}"}
        yield _alternative("other_step_type", "claude", [_at(raw, provider)], {"prompt": step.prompt})


def _simplified_prompt(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    provider = _still_usable(step, failure, available)
    if provider is None or not isinstance(step, PromptStep):
        return
    raw, inputs = _same_kind(step.model_copy(update={"prompt": simplified(step.prompt)}))
    yield _alternative("simplified_prompt", "shortened", [_at(raw, provider)], inputs)


def _degraded_answer(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    if OFFLINE in available and failure.provider != OFFLINE and _vendors(available):
        raw, inputs = _same_kind(step)
        offline = [{**raw, "provider": OFFLINE}]
        yield _alternative("degraded_answer", "offline rules", offline, inputs, degraded=True)
    if isinstance(step, PromptStep) and step.output_schema is None:
        apology: JsonMap = {"name": ANSWER, "type": "set_variable", "variables": {"answer_text": "{{inputs.text}}"}}
        text = (
            f"[Degraded answer] The step '{step.name}' could not be answered ({failure.code}"
            f"{': ' + failure.message[:200] if failure.message else ''}). Nothing was understood or looked up."
        )
        yield _alternative("degraded_answer", "plain notice", [apology], {"text": text}, "apology", degraded=True)


_BUILDERS: Final[Mapping[Strategy, Callable[[BaseStep, Failure, tuple[str, ...]], Iterator[Alternative]]]] = {
    "other_provider": _other_provider,
    "other_step_type": _other_step_type,
    "simplified_prompt": _simplified_prompt,
    "degraded_answer": _degraded_answer,
}


# ---- providers -------------------------------------------------------------------------------------------------


def _vendors(available: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in available if each != OFFLINE)


def _others(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> tuple[str, ...]:
    usable = _vendors(available) or available
    return tuple(each for each in usable if each not in {failure.provider, step.provider})


def _still_usable(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> str | None:
    """The provider for a change of form: the failed one where it still answers, else any other; "" means by route."""
    failed = failure.provider or step.provider
    if failure.kind != "unavailable" and (failed is None or failed in available):
        return failed or ""
    return next(iter(_others(step, failure, available)), None)


def _at(raw: JsonMap, provider: str) -> JsonMap:
    return {**raw, "provider": provider} if provider else raw


# ---- definitions -----------------------------------------------------------------------------------------------


def _same_kind(step: BaseStep) -> tuple[JsonMap, JsonMap]:
    """The same question as a step `answer` and the inputs that hold its texts. Models are the vendor's, so left out."""
    inputs: JsonMap = {}
    if isinstance(step, ParallelClaudeStep):
        tasks: list[JsonValue] = []
        for index, task in enumerate(step.parallel_tasks):
            written, texts = _question(task, f"_{index}")
            tasks.append({**written, "id": task.id})
            inputs |= texts
        return {"name": ANSWER, "type": "parallel_claude", "parallel_tasks": tasks}, inputs
    raw, inputs = _question(step, "")
    raw |= {"name": ANSWER, "type": cast(Any, step).type}
    if isinstance(step, PromptStep) and step.output_schema is not None:
        raw["schema"] = step.output_schema
    if isinstance(step, GeminiStep):
        # Declared functions belong to the failed pipeline and are not there in this one.
        raw["token_budget"] = step.token_budget.model_dump(mode="json", exclude_defaults=True)
    return raw, inputs


def _one_after_another(step: ParallelClaudeStep) -> tuple[list[JsonMap], JsonMap]:
    raws: list[JsonMap] = []
    inputs: JsonMap = {}
    for index, task in enumerate(step.parallel_tasks):
        raw, texts = _question(task, f"_{index}")
        waits: JsonMap = {"depends_on": [f"part_{index - 1}"]} if index else {}
        raws.append({**raw, **waits, "name": f"part_{index}", "type": "claude"})
        inputs |= texts
    return raws, inputs


def _question(holder: Any, suffix: str) -> tuple[JsonMap, JsonMap]:
    raw: JsonMap = {"prompt": f"{{{{inputs.prompt{suffix}}}}}"}
    inputs: JsonMap = {f"prompt{suffix}": holder.prompt}
    if holder.system:
        raw["system"] = f"{{{{inputs.system{suffix}}}}}"
        inputs[f"system{suffix}"] = holder.system
    for key in ("max_tokens", "temperature"):
        if getattr(holder, key) is not None:
            raw[key] = getattr(holder, key)
    options: JsonMap = getattr(holder, "claude_options", {})
    kept = {key: options[key] for key in _KEPT_OPTIONS if key in options}
    if kept:
        raw["claude_options"] = {key: f"{{{{inputs.options{suffix}.{key}}}}}" for key in kept}
        inputs[f"options{suffix}"] = cast(JsonValue, kept)
    return raw, inputs


def _alternative(
    strategy: Strategy,
    detail: str,
    raws: list[JsonMap],
    inputs: JsonMap,
    reading: Reading = "as_is",
    *,
    degraded: bool = False,
) -> Alternative:
    retry: JsonMap = {"max_attempts": 1 if degraded else 2, "base_delay_s": 0.2, "max_delay_s": 1.0}
    # `on_error: fail`: a fallback of a fallback would never end.
    steps: list[JsonValue] = [{**raw, "on_error": "fail", "retry": retry} for raw in raws]
    definition: JsonMap = {
        "name": f"fallback_{strategy}",
        "description": f"Another way: {detail}",
        "inputs": {name: {} for name in inputs},
        "steps": steps,
    }
    if reading == "apology":
        definition["outputs"] = {"text": "{{state.answer_text}}"}
    return Alternative(strategy, detail, build_pipeline(definition), inputs, reading, degraded)
