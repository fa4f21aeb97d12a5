"""What must hold beyond shapes, and what a definition says that has no effect."""

from .checking import check_pipeline
from .judging import Finding, Surroundings
from .options import CLAUDE_OPTIONS, TRANSFORM_OPERATIONS
from .unheeded import unheeded

__all__ = [
    "CLAUDE_OPTIONS",
    "TRANSFORM_OPERATIONS",
    "Finding",
    "Surroundings",
    "check_pipeline",
    "unheeded",
]
