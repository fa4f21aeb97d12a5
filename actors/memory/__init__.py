"""What the node has learned about recovering steps, kept across restarts."""

from actors.memory.database import PatternDatabase
from actors.memory.messages import PatternsSetAside, PatternsUnsaved, Recall, Remember
from actors.memory.patterns import UnreadablePatternsError, parse_patterns

__all__ = [
    "PatternDatabase",
    "PatternsSetAside",
    "PatternsUnsaved",
    "Recall",
    "Remember",
    "UnreadablePatternsError",
    "parse_patterns",
]
