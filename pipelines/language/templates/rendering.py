"""Templates rendered against a `Scope`: strictly, or by pipeline_ex's rules where the scope is lenient."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, cast

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError
from pydantic import JsonValue

from pipelines.language.diagnostics import TemplateError, nearest
from pipelines.language.scope import ROOTS, Missing, Scope, Segments, previous_response, to_text

from .compiling import CompiledTemplate, compile_template, compiles, finalize
from .deadline import DEADLINE, Deadline
from .functions import LENIENT_FUNCTIONS
from .leniency import render_leniently
from .limits import MAX_ITERATIONS, MAX_OUTPUT_CHARS
from .sandbox import bounded
from .syntax import BOUNDED, RESOLVE
from .values import plain

# What an operator or filter raises over values it does not fit; the set is what JSON values can cause.
_OVER_VALUES: Final = (
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
)


def render(value: JsonValue, scope: Scope) -> JsonValue:
    """Renders every text in `value`, recursively (keys are left alone); raises `TemplateError`."""
    if isinstance(value, str):
        return _render_one(value, scope) if "{{" in value or "{%" in value else value
    if isinstance(value, dict):
        return {key: render(each, scope) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [render(each, scope) for each in value]
    return value


def render_text(value: str, scope: Scope) -> str:
    """Renders `value` as text whatever it holds: for prompts, paths and file contents."""
    if not ("{{" in value or "{%" in value):
        return value
    return to_text(_render_one(value, scope))


def _render_one(text: str, scope: Scope) -> JsonValue:
    if not scope.lenient:
        return _render_strictly(text, scope)
    if "{%" in text and compiles(text):
        return _render_strictly(text, scope)
    try:
        if not any(isinstance(scope.find(path), Missing) for path in compile_template(text).paths):
            return _render_strictly(text, scope)
    except TemplateError:
        pass  # told as a warning when the pipeline was loaded
    return render_leniently(text, scope, _render_strictly, lambda part: compile_template(part).paths)


def _render_strictly(text: str, scope: Scope) -> JsonValue:
    compiled = compile_template(text)
    segments = compiled.segments
    if segments is not None:
        if compiled.native:
            return _resolved(cast(Segments, segments[0]), scope, text)
        return _joined(segments, scope, text)
    return _render_jinja(compiled, scope)


def _joined(segments: tuple[str | Segments, ...], scope: Scope, text: str) -> str:
    parts: list[str] = []
    length = 0
    for each in segments:
        part = each if isinstance(each, str) else to_text(_resolved(each, scope, text))
        length += len(part)
        if length > MAX_OUTPUT_CHARS:
            raise TemplateError(text, f"the result is longer than {MAX_OUTPUT_CHARS} characters")
        parts.append(part)
    return "".join(parts)


def _resolved(path: Segments, scope: Scope, text: str) -> JsonValue:
    value = scope.find(path)
    if isinstance(value, Missing):
        raise TemplateError(text, describe_missing(path, scope))
    return value


def _render_jinja(compiled: CompiledTemplate, scope: Scope) -> JsonValue:
    assert compiled.template is not None
    context = compiled.template.new_context(_bindings(scope))
    try:
        if compiled.native:
            deque(compiled.template.root_render_func(context), maxlen=0)
            value = context.vars["result"]
            return finalize(value) if isinstance(value, StrictUndefined) else plain(value)
        return _bounded_text(compiled, context)
    except (TemplateRuntimeError, UndefinedError, SecurityError) as error:
        raise TemplateError(compiled.text, error.message or str(error)) from error
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        AssertionError,
        RecursionError,
    ) as error:
        raise TemplateError(compiled.text, f"{type(error).__name__}: {error}") from error


def _bounded_text(compiled: CompiledTemplate, context: Any) -> str:
    assert compiled.template is not None
    chunks: list[str] = []
    length = 0
    for chunk in compiled.template.root_render_func(context):
        length += len(chunk)
        if length > MAX_OUTPUT_CHARS:
            raise TemplateError(compiled.text, f"the result is longer than {MAX_OUTPUT_CHARS} characters")
        chunks.append(chunk)
    return "".join(chunks)


def _bindings(scope: Scope) -> dict[str, Any]:
    budget = [MAX_ITERATIONS]
    deadline = Deadline()

    def resolve(path: Segments) -> Any:
        value = scope.find(path)
        if isinstance(value, Missing):
            return StrictUndefined(hint=describe_missing(path, scope))
        return value

    def previous(step: str, extract: str = "", strict: bool = True) -> str:
        root: Segments = ("loop",) if step == "loop" else ("steps", step)
        result = scope.find(root)
        if isinstance(result, Missing):
            raise SecurityError(describe_missing(root, scope))
        text = previous_response(result, extract, strict, lenient=scope.lenient)
        if text is None:
            raise SecurityError(describe_missing((*root, *extract.split(".")), scope))
        return text

    def file(path: str) -> str:
        if path not in scope.files:
            raise SecurityError(f"the file '{path}' of this prompt was not read")
        return scope.files[path]

    def within_budget(values: Any) -> Any:
        return bounded(values, budget, deadline)

    return {
        RESOLVE: resolve,
        BOUNDED: within_budget,
        DEADLINE: deadline,
        "previous_response": previous,
        "file": file,
        **(LENIENT_FUNCTIONS if scope.lenient else {}),
    }


def describe_missing(path: Segments, scope: Scope) -> str:
    """A sentence for a path that leads nowhere: how far it led, what is there, the nearest name."""
    whole = ".".join(str(each) for each in path)
    root = str(path[0])
    known: list[str] = sorted({*scope.inputs, *scope.steps, *scope.state, *scope.global_vars})
    wanted = root
    for length in range(len(path) - 1, 0, -1):
        value = scope.find(path[:length])
        if not isinstance(value, Missing):
            known = sorted(value) if isinstance(value, dict) else []
            wanted = str(path[length])
            break
    else:
        if root in ROOTS:
            known, wanted = [], root
    match = nearest(wanted, known)
    hint = f"did you mean '{match}'?" if match else f"there is: {', '.join(known[:12])}" if known else ""
    return f"'{whole}' is not there" + (f" ({hint})" if hint else "")
