"""Other pipelines that may reach the result of a step that has failed.

Each is a whole, validated definition of its own. Texts of the failed step travel as inputs, so that nothing in them is
taken for a template. A new strategy is a function here, its name in `ranking` and its line in `_BUILDERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from pipelines.language import BaseStep, ClaudeExtractStep, ParallelClaudeStep, Pipeline, PromptStep, build_pipeline
from pipelines.recovery.failure import Failure
from pipelines.recovery.questions import ANSWER, JsonMap, one_after_another, question, same_kind
from pipelines.recovery.ranking import Learned, Strategy, ranked
from pipelines.recovery.simplify import simplified

Reading = Literal["as_is", "json_in_text", "parts", "apology"]

OFFLINE: Final = "offline"
_JSON_REQUEST: Final = (
    "{{inputs.prompt}}\n\nAnswer with one JSON value only, no other text, that conforms to this JSON Schema:\n"
    "{{inputs.schema}}"
)


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

    @property
    def most_calls(self) -> int:
        """How many calls of a vendor it makes at most, its retries included. Offline rules cost nothing."""
        return 0 if self.provider == OFFLINE else sum(_most_calls(step) for step in self.pipeline.steps)


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
        raw, inputs = same_kind(step, same_vendor=False)
        yield _alternative("other_provider", provider, [{**raw, "provider": provider}], inputs)


def _other_step_type(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    provider = _still_usable(step, failure, available)
    if provider is None:
        return
    same = _is_same_vendor(step, failure, provider)
    if isinstance(step, ParallelClaudeStep):
        raws, inputs = one_after_another(step, same_vendor=same)
        yield _alternative(
            "other_step_type", "claude one by one", [_at(raw, provider) for raw in raws], inputs, "parts"
        )
    elif isinstance(step, PromptStep) and step.output_schema is not None:
        raw, inputs = question(step, "", same_vendor=same)
        raw |= {"name": ANSWER, "type": "claude", "prompt": _JSON_REQUEST}
        inputs["schema"] = step.output_schema
        yield _alternative("other_step_type", "claude asked for JSON", [_at(raw, provider)], inputs, "json_in_text")
    elif isinstance(step, PromptStep) and getattr(step, "type", "") != "claude":
        raw, inputs = question(step, "", same_vendor=same)
        raw |= {"name": ANSWER, "type": "claude"}
        yield _alternative("other_step_type", "claude", [_at(raw, provider)], inputs)


def _simplified_prompt(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    provider = _still_usable(step, failure, available)
    if provider is None or not isinstance(step, PromptStep):
        return
    shorter = step.model_copy(update={"prompt": simplified(step.prompt)})
    raw, inputs = same_kind(shorter, same_vendor=_is_same_vendor(step, failure, provider))
    yield _alternative("simplified_prompt", "shortened", [_at(raw, provider)], inputs)


def _degraded_answer(step: BaseStep, failure: Failure, available: tuple[str, ...]) -> Iterator[Alternative]:
    if OFFLINE in available and failure.provider != OFFLINE and _vendors(available):
        raw, inputs = same_kind(step, same_vendor=False)
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


def _most_calls(step: BaseStep) -> int:
    if isinstance(step, ParallelClaudeStep):
        return len(step.parallel_tasks) * step.retry.max_attempts
    if not isinstance(step, PromptStep):
        return 0
    # An extraction that does not fit its schema is asked for once more in the same attempt.
    asked = 2 if isinstance(step, ClaudeExtractStep) and step.output_schema is not None else 1
    return asked * step.retry.max_attempts


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


def _is_same_vendor(step: BaseStep, failure: Failure, provider: str) -> bool:
    return provider in {"", failure.provider or step.provider}


def _at(raw: JsonMap, provider: str) -> JsonMap:
    return {**raw, "provider": provider} if provider else raw


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
