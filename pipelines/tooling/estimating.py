"""Tokens, cost and time of a pipeline before it runs, as ranges from stated assumptions (`ASSUMPTIONS`).

What cannot be known is named in `notes` and `unpriced`; it is never counted as nothing in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from pipelines.language import BaseStep, ExecutorStep, Pipeline, PipelineStep, has_template

from .estimates import Estimate, StepEstimate, unknown
from .inner_data import pipelines_in
from .models import Models, model_of, provider_of
from .outline import Block, finally_block, inner_blocks, kind_of, outline, whole_outline
from .questions import Question, questions
from .repeating import passes, repeats
from .sizing import FileSize, Known, held_to_its_limit
from .spans import ESTIMATE, RANGE, Span
from .waiting import waiting_time

DEFAULT_ANSWER_TOKENS: Final = 4096
_SECONDS: Final = {"offline": (0.0, 0.1, 1e6, 1e5)}
_VENDOR_SECONDS: Final = (0.5, 10.0, 200.0, 30.0)  # least and most before the answer, tokens a second at best and worst
_FREE: Final = frozenset(
    {"set_variable", "data_transform", "file_ops", "pipeline", "for_loop", "while_loop", "switch", "break", "continue",
     "test_echo", "codebase_query", "checkpoint", "conditional_deploy", "pipeline_deployer", "wait", "approval"}
)  # fmt: skip
ASSUMPTIONS: Final = (
    ESTIMATE,
    RANGE,
    "an answer has between 1 token and `max_tokens` (4096 where a step does not say)",
    "each question succeeds at its first try: retries (but for claude_robust) and the emergent fallback come on top",
    "a vendor begins to answer after 0.5 to 10 s and writes 200 to 30 tokens a second",
    "a loop over data that only the run has is counted for one pass, a pattern of files for one file",
)


def estimate(
    pipeline: Pipeline, inputs: Mapping[str, JsonValue], models: Models, day: date, file_size: FileSize
) -> Estimate:
    """`inputs` are those that are known already; `file_size` gives characters of a workspace file, or None."""
    known = {name: spec.default for name, spec in pipeline.inputs.items() if not spec.is_required} | dict(inputs)
    counting = _Counting(models, day, file_size)
    around = _Around(known, pipeline.global_vars)
    seconds = counting.block(outline(pipeline), around, "") + counting.block(finally_block(pipeline), around, "")
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
            last = name in block.at_the_end
            waits = [
                each
                for other, each in took.items()
                if other in block.graph[name] or (last and other not in block.at_the_end)
            ]
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
        least_s, most_s, untold = waiting_time(step)
        seconds = Span(delay + least_s, delay + most_s)
        if untold:
            free = (Decimal(0), Decimal(0))
            zero, notes = Span(), (*here.notes, untold)
            name = f"{at}{step.name}"
            self.found.append(StepEstimate(name, kind_of(step), "", None, zero, zero, zero, free, seconds, notes))
        asked = list(questions(step))
        for each in asked:
            took = self.question(step, each, here, f"{at}{step.name}" + (f".{each.id}" if each.id else ""))
            # At best all of a step's questions run at once, at worst one after the other.
            seconds = Span(max(seconds.low, took.low), seconds.high + took.high)
        if isinstance(step, ExecutorStep):
            seconds = seconds + self.data(step, here, at)
        elif not asked and kind_of(step) not in _FREE:
            # A type this module has not heard of may ask a provider: naming it is right, a zero would not be.
            note = f"what a step of type {kind_of(step)} asks is not counted"
            self.found.append(unknown(f"{at}{step.name}", kind_of(step), (*here.notes, note)))
        for inner in inner_blocks(step):
            least, most, notes = passes(step, here.inputs, here.global_vars)
            inside = replace(here, least=here.least * least, most=here.most * most, notes=(*here.notes, *notes))
            if isinstance(step, PipelineStep) and step.pipeline is not None:
                given = {name: value for name, value in step.inputs.items() if not has_template(value)}
                inside = replace(inside, inputs=given, global_vars=step.pipeline.global_vars)
            took = self.block(inner, inside, f"{at}{step.name}/")
            wide = min(most, getattr(step, "max_parallel", 1)) if getattr(step, "parallel", False) else 1
            seconds = seconds + took.times(least / max(wide, 1), most)
        if isinstance(step, PipelineStep) and step.pipeline is None:
            note = f"{step.pipeline_file or step.pipeline_ref} is not looked into"
            self.found.append(unknown(f"{at}{step.name}", kind_of(step), (*here.notes, note)))
        return Span(0 if perhaps else seconds.low, seconds.high)

    def data(self, step: ExecutorStep, around: _Around, at: str) -> Span:
        """Counts the pipelines that an executor has in its text; gives their seconds."""
        inside = pipelines_in(step)
        if inside is None:
            told = f"the pipelines that it runs are not known yet: {step.config.max_total_steps} steps at most"
            self.found.append(unknown(f"{at}{step.name}", kind_of(step), (*around.notes, told)))
            return Span(0, step.config.longest_s)
        given = {name: value for name, value in step.inputs.items() if not has_template(value)}
        seconds = Span()
        for each in inside:
            here = replace(around, inputs=given, global_vars=each.global_vars)
            took = self.block(whole_outline(each), here, f"{at}{step.name}/{each.name}/")
            seconds = Span(max(seconds.low, took.low), seconds.high + took.high)
        return seconds.at_most(step.config.longest_s)

    def question(self, step: BaseStep, asked: Question, around: _Around, name: str) -> Span:
        """Counts one question; gives its seconds."""
        provider, model = provider_of(step, self.models.routing), model_of(step, asked, self.models.routing)
        facts = self.models.book.facts(model) if model else None
        most = asked.longest_answer or DEFAULT_ANSWER_TOKENS
        answer = Span(1, min(most, facts.max_output_tokens) if facts else most)
        notes = list(around.notes)
        known = Known(around.inputs, around.global_vars, self.file_size, self.answers)
        whole = known.size(step, asked, provider, notes)
        size, summaries = held_to_its_limit(whole, asked, facts.context_window if facts else None, notes)
        self.answers[step.name] = self.answers.get(step.name, Span()) + answer
        again = repeats(step, asked)
        notes += again.notes
        least, times = around.least, around.most
        if asked.times is None:
            least, notes = 0, [*notes, "counted for one file: only the run knows how many there are"]
        along = answer.high * again.answers_along()
        summed = Span(0, whole.high + size.high) if summaries.high else Span()
        calls = Span(least, times * (again.most + summaries.high))
        into = Span(size.low * least, times * (size.high * again.most + along + summed.high))
        short = summaries.high * asked.context.summarise_with.max_tokens
        out = Span(answer.low * least, times * (answer.high * again.most + short))
        first_low, first_high, fast, slow = _SECONDS.get(provider, _VENDOR_SECONDS)
        slowest = (first_high + answer.high / slow) * again.most + summaries.high * first_high + short / slow
        seconds = Span(first_low + answer.low / fast, slowest)
        if step.timeout_s is not None:
            seconds = seconds.at_most(step.timeout_s)
        cost = self.cost(model, (size, answer), calls, into, out)
        told = tuple(dict.fromkeys(notes))
        self.found.append(StepEstimate(name, kind_of(step), provider, model, calls, into, out, cost, seconds, told))
        return seconds

    def cost(
        self, model: str | None, one: tuple[Span, Span], calls: Span, into: Span, out: Span
    ) -> tuple[Decimal, Decimal] | None:
        """Dollars: the least by one question at its smallest, the most by all that may be asked. Prices may depend on
        the size of a prompt, so the most is counted as if every question were as large as the largest."""
        if model is None:
            return None
        size, answer = one
        book, day = self.models.book, self.day
        low = book.cost_usd(model, int(size.low), int(answer.low), day)
        each = book.cost_usd(model, int(size.high), int(answer.high), day)
        if low is None or each is None:
            return None
        number = max(calls.high, 1.0)
        most = book.cost_usd(model, int(into.high / number), int(out.high / number), day)
        dearest = max(each, most or Decimal(0)) * Decimal(str(calls.high))
        return low * Decimal(str(calls.low)), dearest
