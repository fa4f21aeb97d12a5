"""Conditions of every shape, evaluated: text, a list (all must hold), `{and|or: [...]}`, `{not: ...}`, a boolean."""

from __future__ import annotations

import json

from pydantic import JsonValue

from pipelines.language.diagnostics import ConditionError, TemplateError
from pipelines.language.patterns import UnsafePatternError
from pipelines.language.scope import Scope

from .compiling import Frame, compile_condition
from .functions import is_true


def evaluate(condition: JsonValue, scope: Scope) -> bool:
    """Whether `condition` holds; raises `ConditionError`."""
    if condition is None or isinstance(condition, bool):
        return condition is not False
    if isinstance(condition, str):
        return is_true(evaluate_value(condition, scope))
    if isinstance(condition, list | tuple):
        return all(evaluate(each, scope) for each in condition)
    if isinstance(condition, dict) and len(condition) == 1:
        ((kind, inner),) = condition.items()
        if kind == "not":
            return not evaluate(inner, scope)
        if kind in {"and", "or"} and isinstance(inner, list | tuple):
            return (all if kind == "and" else any)(evaluate(each, scope) for each in inner)
    raise ConditionError(json.dumps(condition), "expected text, a list, or a map with one key and, or, not")


def evaluate_value(text: str, scope: Scope) -> JsonValue:
    """The value of a condition's text as an expression; raises `ConditionError`."""
    compiled = compile_condition(text)
    try:
        return compiled.run(Frame(scope))
    except (TemplateError, UnsafePatternError) as error:
        raise ConditionError(text, str(error)) from error
    except RecursionError as error:
        raise ConditionError(text, "the condition is nested too deeply") from error


def condition_texts(condition: JsonValue) -> list[str]:
    """Every text in a condition; raises `ConditionError` for a shape that is none."""
    if condition is None or isinstance(condition, bool):
        return []
    if isinstance(condition, str):
        return [condition]
    if isinstance(condition, list | tuple):
        return [text for each in condition for text in condition_texts(each)]
    if isinstance(condition, dict) and len(condition) == 1:
        ((kind, inner),) = condition.items()
        if kind == "not" or (kind in {"and", "or"} and isinstance(inner, list | tuple)):
            return condition_texts(inner)
    raise ConditionError(json.dumps(condition), "expected text, a list, or a map with one key and, or, not")
