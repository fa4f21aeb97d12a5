"""Conditions: compiled once from a real grammar into closures, evaluated against a `Scope`.

A condition is text, a list (all must hold), `{and|or: [...]}`, `{not: ...}`, a boolean, or null (true). A name that
leads nowhere is null. `{{ ... }}` inside the text is rendered first and keeps its type.
"""

from .compiling import CompiledCondition, compile_condition
from .evaluating import condition_texts, evaluate, evaluate_value

__all__ = [
    "CompiledCondition",
    "compile_condition",
    "condition_texts",
    "evaluate",
    "evaluate_value",
]
