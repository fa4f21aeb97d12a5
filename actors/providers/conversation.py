"""A conversation as values that belong to no vendor: turns, declared functions, their calls and what these gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A function the model may call; `parameters` is JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call the model asks for. `id` ties the answer to it where a vendor has ids.

    `signature` (base64) is the vendor's own note on how it came to the call. It must go back unchanged with the call:
    newer models refuse a conversation without it.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a call gave, or with `failed` why it gave nothing. `output` is a JSON object."""

    call: FunctionCall
    output: Mapping[str, Any]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said at a time: text, the calls a model made, or the results it was given."""

    role: Literal["user", "assistant"]
    text: str = ""
    calls: tuple[FunctionCall, ...] = ()
    results: tuple[FunctionResult, ...] = ()
