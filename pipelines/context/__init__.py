"""Context windows: how large a prompt is, and what of it goes along when it is larger than the model. Pure.

counting  tokens of a text, with bounds
window    what a model holds, and whether a request is too much for it
parts     what a request is made of; pieces finds the parts of a prompt
fitting   which parts give how much; cutting makes a text shorter, chunking splits one to be summed up
"""

from pipelines.context.chunking import chunks
from pipelines.context.counting import (
    COUNTING_RULE,
    TokenCount,
    count_tokens,
    estimate_tokens,
    least_tokens,
    most_tokens,
)
from pipelines.context.cutting import Cut, Keep, cut, marker, marker_size
from pipelines.context.fitting import allot
from pipelines.context.parts import PRIORITIES, ContextPart, Kind, joined
from pipelines.context.pieces import pieces_of
from pipelines.context.window import Limits, Verdict, Window, exceeds, limits_of, target, verdict

__all__ = [
    "COUNTING_RULE",
    "PRIORITIES",
    "ContextPart",
    "Cut",
    "Keep",
    "Kind",
    "Limits",
    "TokenCount",
    "Verdict",
    "Window",
    "allot",
    "chunks",
    "count_tokens",
    "cut",
    "estimate_tokens",
    "exceeds",
    "joined",
    "least_tokens",
    "limits_of",
    "marker",
    "marker_size",
    "most_tokens",
    "pieces_of",
    "target",
    "verdict",
]
