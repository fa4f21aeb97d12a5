"""Function calls without a language model: each function the prompt names is called once, the first one when it names
none. Pure. What the calls gave is material for the answer, like the prompt's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from actors.providers.conversation import FunctionCall, FunctionDeclaration
from actors.providers.offline_json import fill
from actors.providers.offline_task import split_prompt
from actors.providers.protocol import Request

_WORD = re.compile(r"[a-z0-9]+")
_LONGEST_RESULT = 20_000


def calls_for(request: Request) -> tuple[FunctionCall, ...]:
    """What to call in this round: nothing once there are results. Raises `SchemaTooDeepError`."""
    if not request.functions or request.follow_up:
        return ()
    wanted = tuple(each for each in request.functions if _is_named(each, request.prompt)) or request.functions[:1]
    _, material = split_prompt(request.prompt)
    return tuple(
        FunctionCall(each.name, _arguments(each, material), f"call_{number}") for number, each in enumerate(wanted, 1)
    )


def with_results(request: Request) -> str:
    """The prompt, followed by what the functions gave, as lines that are labelled with their fields."""
    results = [result for turn in request.follow_up for result in turn.results]
    lines = [line for result in results for line in _lines(result.output)]
    return "\n\n".join([request.prompt, "\n".join(lines)]) if lines else request.prompt


def _is_named(function: FunctionDeclaration, prompt: str) -> bool:
    said = _WORD.findall(prompt.lower())
    name = _WORD.findall(function.name.lower())
    return function.name in prompt or (bool(name) and set(name) <= set(said))


def _arguments(function: FunctionDeclaration, material: str) -> Mapping[str, Any]:
    made = fill(function.parameters, material)
    return cast("Mapping[str, Any]", made) if isinstance(made, Mapping) else {}


def _lines(output: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"[:_LONGEST_RESULT]
        for name, value in output.items()
    ]
