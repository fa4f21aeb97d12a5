"""What the node has learned about recovering steps, kept across restarts."""

from actors.memory.database import PatternDatabase
from actors.memory.messages import PatternsSetAside, PatternsUnsaved, Recall, Remember

__all__ = ["PatternDatabase", "PatternsSetAside", "PatternsUnsaved", "Recall", "Remember"]
