"""What a request is made of, as far as it can be made smaller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["instruction", "material", "function_result"]

PRIORITIES: Final[dict[Kind, int]] = {"instruction": 100, "material": 50, "function_result": 40}
"""Where a part says no priority: what the author wrote is kept longest, then what it refers to (files, results,
inputs), then what functions gave."""


@dataclass(frozen=True, slots=True)
class ContextPart:
    """One part of a prompt, in its place. `name` tells people which; `priority`: lowest is made smaller first;
    `max_tokens`: never larger than this, whether there is room or not; `glue` stands between it and the next one."""

    name: str
    text: str
    kind: Kind = "instruction"
    priority: int = PRIORITIES["instruction"]
    max_tokens: int | None = None
    glue: str = ""


def joined(parts: Iterable[ContextPart]) -> str:
    """The text that the parts are."""
    return "".join(each.text + each.glue for each in parts)
