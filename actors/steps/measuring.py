"""What a request consists of and how many tokens that is, by the estimate. Pure.

`measure(request).total.most` with `request.max_tokens` is the most that a request can use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from actors.providers import Request, Turn
from pipelines.context import PRIORITIES, ContextPart, TokenCount, count_tokens, joined

_FRAME: Final = TokenCount(0, 4, 10)
"""What a vendor puts around each turn. Anthropic's counter gives 3 to 8 beyond the text."""
_TOOL_USE: Final = TokenCount(0, 350, 1000)
"""The vendors' own system text for requests with functions; Anthropic publishes 290 to 810 by model."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A request's parts, what stays as it is whatever happens (`fixed`), and the sum of both."""

    parts: tuple[ContextPart, ...]
    fixed: TokenCount
    total: TokenCount


def measure(request: Request) -> Measured:
    """The parts of the prompt and of what functions gave, counted with all else that goes along."""
    parts = (*prompt_parts(request), *_results(request.follow_up))
    fixed = TokenCount(0, 0, 0)
    texts = [request.system or "", *(turn.text for turn in (*request.history, *request.follow_up))]
    texts += [_json([call.arguments for call in turn.calls]) for turn in request.turns if turn.calls]
    texts += [_json(each.parameters) + each.description + each.name for each in request.functions]
    texts += [] if request.json_schema is None else [_json(request.json_schema)]
    texts += [each.glue for each in parts if each.glue]
    for text in texts:
        fixed += count_tokens(text)
    for _ in range(len(request.turns) + (1 if request.system else 0)):
        fixed += _FRAME
    if request.functions:
        fixed += _TOOL_USE
    total = fixed
    for each in parts:
        total += count_tokens(each.text)
    return Measured(parts, fixed, total)


def prompt_parts(request: Request) -> tuple[ContextPart, ...]:
    """What the prompt is made of; what was added to it since its parts were told is a part of its own."""
    known = joined(request.parts)
    if not request.parts or not request.prompt.startswith(known):
        return (ContextPart("prompt", request.prompt),)
    rest = request.prompt[len(known) :]
    return (*request.parts, ContextPart("what was added to the prompt", rest)) if rest else request.parts


def with_texts(request: Request, parts: Sequence[ContextPart]) -> Request:
    """The request with these parts in place of those that `measure` found."""
    own = len(prompt_parts(request))
    shortened = iter(parts[own:])
    turns = tuple(
        replace(turn, results=tuple(_shortened(each, next(shortened).text) for each in turn.results))
        for turn in request.follow_up
    )
    return replace(request, prompt=joined(parts[:own]), parts=tuple(parts[:own]), follow_up=turns)


def _results(turns: Sequence[Turn]) -> list[ContextPart]:
    priority = PRIORITIES["function_result"]
    return [
        ContextPart(f"result of {result.call.name}", _json(result.output), "function_result", priority)
        for turn in turns
        for result in turn.results
    ]


def _shortened(result: Any, text: str) -> Any:
    return result if text == _json(result.output) else replace(result, output={"shortened": text})


def _json(value: Any) -> str:
    return json.dumps(value if not hasattr(value, "keys") else dict(value), ensure_ascii=False, default=str)
