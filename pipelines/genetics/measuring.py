"""From one finished run to one sample.

Wall-clock time would make an evolution depend on the machine's mood, so time is modelled: tokens that were really
counted, times stated rates per provider, along the longest chain of the definition's graph. The rates are round
nominal figures for comparison between genomes, not a promise about any vendor. Quality is measured against the
founder's own answer: how complete the outputs are and how many of its significant words come back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from pydantic import JsonValue

from pipelines.genetics.fitness import WORST, Sample
from pipelines.genetics.genome import PROVIDER_TYPES, type_of, walk
from pipelines.language import BaseStep, Pipeline, waves


@dataclass(frozen=True, slots=True)
class Rates:
    """The cost model of one provider: seconds per call and per token, and how often a call fails at first."""

    call_s: float
    input_token_s: float
    output_token_s: float
    failure_rate: float


RATES: Final[Mapping[str, Rates]] = {
    "anthropic": Rates(0.6, 0.0002, 0.015, 0.02),
    "gemini": Rates(0.5, 0.0002, 0.010, 0.03),
    "offline": Rates(0.01, 0.0, 0.0001, 0.0),
}
_UNKNOWN: Final = Rates(0.6, 0.0002, 0.015, 0.05)
# What a failed step costs besides: a fallback saves about this share of the runs that would have ended.
_FALLBACK_SAVES: Final = 0.5
_WORD: Final = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Observation:
    """A finished run as measuring needs it."""

    status: str
    results: Mapping[str, JsonValue]
    outputs: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the founder's first run cost and said; everything is measured against it."""

    seconds: float = 1.0
    tokens: int = 1
    outputs: tuple[str, ...] = ()
    words: frozenset[str] = field(default_factory=frozenset[str])


def refer_to(pipeline: Pipeline, seen: Observation) -> Reference:
    """The reference a founder's run gives. From a failed run: its costs, and no expectation about words."""
    return Reference(
        seconds=max(modelled_seconds(pipeline, seen.results), 0.001),
        tokens=max(token_count(seen.results), 1),
        outputs=tuple(seen.outputs) if seen.status == "succeeded" else (),
        words=_words(seen.outputs) if seen.status == "succeeded" else frozenset(),
    )


def measure(pipeline: Pipeline, seen: Observation, reference: Reference) -> Sample:
    """The sample of one run; a run that did not succeed is the worst one. Equal cost to the reference gives 0.5."""
    if seen.status != "succeeded":
        return WORST
    seconds = modelled_seconds(pipeline, seen.results)
    return Sample(
        speed=reference.seconds / (reference.seconds + seconds),
        token_efficiency=reference.tokens / (reference.tokens + token_count(seen.results)),
        error_recovery=_recovery(pipeline, seen.results),
        output_quality=_quality(seen, reference),
    )


def modelled_seconds(pipeline: Pipeline, results: Mapping[str, JsonValue]) -> float:
    """Seconds along the longest chain of steps under `RATES`, first failures included."""
    steps = {step.name: step for step in pipeline.all_steps}
    ended = 0.0
    for graph in (pipeline.dependency_graph, pipeline.finally_graph):
        begun, finished = ended, dict[str, float]()
        for each in waves(graph):
            for name in each:
                start = max((finished[other] for other in graph[name]), default=begun)
                finished[name] = start + _step_seconds(steps[name], results.get(name))
        ended = max(finished.values(), default=begun)
    return ended


def token_count(results: Mapping[str, JsonValue]) -> int:
    """Tokens in and out over all calls recorded in the results."""
    return sum(tokens_in + tokens_out for tokens_in, tokens_out in _usages(cast(JsonValue, results)))


def _step_seconds(step: BaseStep, result: JsonValue) -> float:
    rates = _rates(step)
    calls = [rates.call_s + i * rates.input_token_s + o * rates.output_token_s for i, o in _usages(result)]
    if not calls:
        return 0.0
    # A loop's calls follow each other; parallel questions are as slow as the slowest.
    spent = max(calls) if type_of(step) == "parallel_claude" else sum(calls)
    tries = sum(rates.failure_rate**n for n in range(step.retry.max_attempts))
    return spent * tries


def _rates(step: BaseStep) -> Rates:
    family = "gemini" if type_of(step) == "gemini" else "anthropic"
    return RATES.get(step.provider or family, _UNKNOWN)


def _usages(value: JsonValue) -> Iterator[tuple[int, int]]:
    if isinstance(value, Mapping):
        if "individual_results" in value:
            # The sum beside them would hide that they were asked at the same time.
            value = cast("dict[str, JsonValue]", value["individual_results"])
        usage = value.get("usage")
        if isinstance(usage, Mapping):
            yield _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
            return
        for each in value.values():
            yield from _usages(each)
    elif isinstance(value, list):
        for each in value:
            yield from _usages(each)


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _recovery(pipeline: Pipeline, results: Mapping[str, JsonValue]) -> float:
    """The modelled chance that a run survives its provider calls, less what this run already had to patch up."""
    survives = 1.0
    for _, step in walk(pipeline):
        if type_of(step) in PROVIDER_TYPES:
            lost = _rates(step).failure_rate ** step.retry.max_attempts
            survives *= 1.0 - lost * (1.0 - _FALLBACK_SAVES if step.on_error == "fallback" else 1.0)
    patched = [name for name, result in results.items() if _is_patched(result)]
    return survives * (1.0 - len(patched) / max(len(results), 1))


def _is_patched(result: JsonValue) -> bool:
    return isinstance(result, Mapping) and ("recovery" in result or result.get("success") is False)


def _quality(seen: Observation, reference: Reference) -> float:
    wanted = reference.outputs or tuple(seen.outputs)
    if not wanted:
        return 1.0
    complete = sum(_says_something(seen.outputs.get(name)) for name in wanted) / len(wanted)
    kept = len(_words(seen.outputs) & reference.words) / len(reference.words) if reference.words else 1.0
    return complete * kept


def _says_something(value: JsonValue) -> bool:
    if isinstance(value, Mapping) and value.get("degraded") is True:
        return False
    return value not in (None, "", [], {})


def _words(value: object) -> frozenset[str]:
    found: set[str] = set()
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.update(word.lower() for word in _WORD.findall(each))
        elif isinstance(each, Mapping):
            waiting += list(cast("Mapping[str, object]", each).values())
        elif isinstance(each, list):
            waiting += cast("list[object]", each)
    return frozenset(found)
