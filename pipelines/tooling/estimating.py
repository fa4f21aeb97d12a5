"""Tokens, cost and time of a pipeline before it runs, as ranges from stated assumptions (`ASSUMPTIONS`).

What cannot be known is named in `notes` and `unpriced`; it is never counted as nothing in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pydantic import JsonValue

from pipelines.language import BaseStep, Pipeline, PipelineStep, TemplateError, compile_template, is_template, to_text

from .models import (
    ESTIMATE,
    Asked,
    Models,
    count_tokens,
    longest_answer,
    model_of,
    provider_of,
    questions,
    written_characters,
)
from .outline import Block, condition_text, inner_blocks, kind_of, outline

DEFAULT_ANSWER_TOKENS: Final = 4096
_SECONDS: Final = {"offline": (0.0, 0.1, 1e6, 1e5)}
_VENDOR_SECONDS: Final = (0.5, 10.0, 200.0, 30.0)  # least and most before the answer, tokens a second at best and worst
_FREE: Final = frozenset(
    {"set_variable", "data_transform", "file_ops", "pipeline", "for_loop", "while_loop", "switch", "break", "continue",
     "test_echo", "codebase_query", "checkpoint", "wait", "approval"}
)  # fmt: skip
ASSUMPTIONS: Final = (
    ESTIMATE,
    "an answer has between 1 token and `max_tokens` (4096 where a step does not say)",
    "each question succeeds at its first try: retries and the emergent fallback come on top",
    "a vendor begins to answer after 0.5 to 10 s and writes 200 to 30 tokens a second",
    "a loop over data that only the run has is counted for one pass",
)

FileSize = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Span:
    """Least and most of something that is counted."""

    low: float = 0
    high: float = 0

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, least: float, most: float) -> Span:
        """So many of it."""
        return Span(self.low * least, self.high * most)


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """One step, or one question of it. `cost_usd` None: no price is known for `model` on that day."""

    step: str
    kind: str
    provider: str
    model: str | None
    calls: Span
    input_tokens: Span
    output_tokens: Span
    cost_usd: tuple[Decimal, Decimal] | None
    seconds: Span
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """All questions in the order of the text, and their sums. `cost_usd` is of the priced ones only."""

    steps: tuple[StepEstimate, ...]
    input_tokens: Span
    output_tokens: Span
    cost_usd: tuple[Decimal, Decimal]
    unpriced: tuple[str, ...]
    seconds: Span
    day: date


def estimate(
    pipeline: Pipeline, inputs: Mapping[str, JsonValue], models: Models, day: date, file_size: FileSize
) -> Estimate:
    """`inputs` are those that are known already; `file_size` gives characters of a workspace file, or None."""
    known = {name: spec.default for name, spec in pipeline.inputs.items() if not spec.is_required} | dict(inputs)
    counting = _Counting(models, day, file_size)
    seconds = counting.block(outline(pipeline), _Around(known, pipeline.global_vars), "")
    found = tuple(counting.found)
    priced = [each.cost_usd for each in found if each.cost_usd is not None]
    return Estimate(
        found,
        sum((each.input_tokens for each in found), Span()),
        sum((each.output_tokens for each in found), Span()),
        (sum((low for low, _ in priced), Decimal(0)), sum((high for _, high in priced), Decimal(0))),
        tuple(f"{each.step} ({each.model or 'model not known'})" for each in found if each.cost_usd is None),
        seconds,
        day,
    )


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known where a block stands: values, and how often it runs."""

    inputs: Mapping[str, JsonValue]
    global_vars: Mapping[str, JsonValue]
    least: float = 1
    most: float = 1
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Counting:
    models: Models
    day: date
    file_size: FileSize
    found: list[StepEstimate] = field(default_factory=list[StepEstimate])
    answers: dict[str, Span] = field(default_factory=dict[str, Span])

    def block(self, block: Block, around: _Around, at: str) -> Span:
        """Counts the steps of a block; gives the seconds of its longest chain."""
        steps, took = block.by_name, dict[str, Span]()
        for name in (name for names in block.rounds for name in names):
            waits = [took[other] for other in block.graph[name]]
            begin = Span(max((each.low for each in waits), default=0), max((each.high for each in waits), default=0))
            took[name] = begin + self.step(steps[name], around, at)
        return Span(
            max((each.low for each in took.values()), default=0), max((each.high for each in took.values()), default=0)
        )

    def step(self, step: BaseStep, around: _Around, at: str) -> Span:
        """Counts one step; gives its seconds."""
        perhaps = step.condition is not None and step.condition is not True
        here = replace(around, least=0) if perhaps else around
        delay = float(getattr(step, "delay_s", 0.0))
        seconds = Span(delay, delay)
        asked = list(questions(step))
        for key, each in asked:
            name = f"{at}{step.name}" + (f".{getattr(each, 'id', key[-1])}" if key else "")
            took = self.question(step, each, here, name)
            # At best all of a parallel step's questions run at once, at worst one after the other.
            seconds = Span(max(seconds.low, took.low), seconds.high + took.high)
        if not asked and kind_of(step) not in _FREE:
            # A type this module has not heard of may ask a provider: naming it is right, a zero would not be.
            note = f"what a step of type {kind_of(step)} asks is not counted"
            self.found.append(_unknown(f"{at}{step.name}", kind_of(step), (*here.notes, note)))
        for inner in inner_blocks(step):
            least, most, notes = _passes(step, here)
            inside = replace(here, least=here.least * least, most=here.most * most, notes=(*here.notes, *notes))
            if isinstance(step, PipelineStep) and step.pipeline is not None:
                given = {name: value for name, value in step.inputs.items() if not _has_template(value)}
                inside = replace(inside, inputs=given, global_vars=step.pipeline.global_vars)
            took = self.block(inner, inside, f"{at}{step.name}/")
            wide = min(most, getattr(step, "max_parallel", 1)) if getattr(step, "parallel", False) else 1
            seconds = seconds + took.times(least / max(wide, 1), most)
        if isinstance(step, PipelineStep) and step.pipeline is None:
            note = f"{step.pipeline_file} is not looked into"
            self.found.append(_unknown(f"{at}{step.name}", kind_of(step), (*here.notes, note)))
        return Span(0 if perhaps else seconds.low, seconds.high)

    def question(self, step: BaseStep, asked: Asked, around: _Around, name: str) -> Span:
        """Counts one question; gives its seconds."""
        provider, model = provider_of(step, self.models.routing), model_of(step, asked, self.models.routing)
        facts = self.models.book.facts(model) if model else None
        most = longest_answer(asked) or DEFAULT_ANSWER_TOKENS
        answer = Span(1, min(most, facts.max_output_tokens) if facts else most)
        notes = list(around.notes)
        size = self.size(asked, around, notes)
        self.answers[step.name] = self.answers.get(step.name, Span()) + answer
        again = 2 if kind_of(step) == "claude_extract" and getattr(asked, "output_schema", None) is not None else 1
        if again > 1:
            notes.append("asked twice at most, when the first answer does not fit the schema")
        least, most_calls = around.least, around.most * again
        cost: tuple[Decimal, Decimal] | None = None
        if model is not None:
            low = self.models.book.cost_usd(model, int(size.low), int(answer.low), self.day)
            high = self.models.book.cost_usd(model, int(size.high), int(answer.high), self.day)
            if low is not None and high is not None:
                cost = (low * Decimal(str(least)), high * Decimal(str(most_calls)))
        first_low, first_high, fast, slow = _SECONDS.get(provider, _VENDOR_SECONDS)
        seconds = Span(first_low + answer.low / fast, (first_high + answer.high / slow) * again)
        if step.timeout_s is not None:
            seconds = Span(min(seconds.low, step.timeout_s), min(seconds.high, step.timeout_s))
        self.found.append(
            StepEstimate(
                name,
                kind_of(step),
                provider,
                model,
                Span(least, most_calls),
                size.times(least, most_calls),
                answer.times(least, most_calls),
                cost,
                seconds,
                tuple(dict.fromkeys(notes)),
            )
        )
        return seconds

    def size(self, asked: Asked, around: _Around, notes: list[str]) -> Span:
        """Tokens of the prompt and system text."""
        total = Span()
        for text in (asked.prompt, asked.system or ""):
            written = count_tokens(written_characters(text))
            total = total + Span(written, written)
            if not is_template(text):
                continue
            try:
                compiled = compile_template(text)
            except TemplateError:
                notes.append("a template that cannot be read is not counted")
                continue
            for path in compiled.paths:
                total = total + self._reference(path, around, notes)
            for file in compiled.files:
                characters = self.file_size(file)
                if characters is None:
                    notes.append(f"the text of {file} is not counted")
                else:
                    total = total + Span(count_tokens(characters), count_tokens(characters))
        return total

    def _reference(self, path: tuple[str | int, ...], around: _Around, notes: list[str]) -> Span:
        root, second = str(path[0]), str(path[1]) if len(path) > 1 else ""
        step = second if root == "steps" else root
        if step in self.answers:
            return Span(0, self.answers[step].high)
        holder = {"inputs": around.inputs, "global_vars": around.global_vars}.get(root)
        name = second if holder is not None else root
        for values in (holder,) if holder is not None else (around.inputs, around.global_vars):
            if name in values and len(path) <= (2 if holder is not None else 1):
                tokens = count_tokens(len(to_text(values[name])))
                return Span(tokens, tokens)
        notes.append(f"{'.'.join(str(each) for each in path)} is not counted: only the run has it")
        return Span()


def _passes(step: BaseStep, around: _Around) -> tuple[float, float, tuple[str, ...]]:
    kind = kind_of(step)
    if kind == "switch":
        return 0, 1, ()
    if kind == "while_loop":
        return 0, float(getattr(step, "max_iterations", 1)), ()
    if kind != "for_loop":
        return 1, 1, ()
    source: Any = getattr(step, "data_source", None)
    if isinstance(source, str):
        name = source.strip().removeprefix("{{").removesuffix("}}").strip().removeprefix("inputs.")
        source = around.inputs.get(name, around.global_vars.get(name.removeprefix("global_vars.")))
    if isinstance(source, list):
        count = float(min(len(source), getattr(step, "max_iterations", len(source))))  # pyright: ignore[reportUnknownArgumentType] - JSON
        return (0 if getattr(step, "break_condition", None) is not None else count), count, ()
    told = condition_text(getattr(step, "data_source", ""))
    return 0, 1, (f"counted for one pass: only the run knows how many {told} has",)


def _has_template(value: JsonValue) -> bool:
    return any(is_template(each) for each in _texts(value))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _unknown(step: str, kind: str, notes: tuple[str, ...]) -> StepEstimate:
    return StepEstimate(step, kind, "", None, Span(), Span(), Span(), None, Span(), notes)
