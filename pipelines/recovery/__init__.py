"""Other ways to a step's result: what failed, which pipelines may do instead, what an answer must look like. Pure."""

from pipelines.recovery.alternatives import Alternative, alternatives
from pipelines.recovery.contract import contract_ok, misfit, read_answer
from pipelines.recovery.failure import Failure
from pipelines.recovery.ranking import STRATEGIES, Experience, Learned, Strategy, ranked
from pipelines.recovery.rendering import rendered
from pipelines.recovery.simplify import simplified

__all__ = [
    "STRATEGIES",
    "Alternative",
    "Experience",
    "Failure",
    "Learned",
    "Strategy",
    "alternatives",
    "contract_ok",
    "misfit",
    "ranked",
    "read_answer",
    "rendered",
    "simplified",
]
