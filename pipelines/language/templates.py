"""`{{ ... }}`: compiled once, rendered against a `Scope`.

A value that is exactly one expression keeps its type; a structure inside text becomes JSON; an unresolved name is an
error. Text without `{{` or `{%` costs a substring search. Templates of plain paths never enter Jinja2's runtime.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError
from pydantic import JsonValue

from .diagnostics import TemplateError, nearest
from .leniency import expressions, render_leniently
from .sandbox import MAX_ITERATIONS, MAX_OUTPUT_CHARS, Sandbox, bounded, make_sandbox
from .scope import ROOTS, Missing, Scope, Segments, previous_response, to_text
from .template_ast import BOUNDED, RESOLVE, Reading, RefusedError, rewrite, to_jinja

MAX_TEMPLATE_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """One template. `paths` are the names it reads, `files` the workspace files it quotes.

    `segments` is set when text and plain paths are all there is; else `template` is Jinja2's.
    """

    text: str
    paths: tuple[Segments, ...]
    files: tuple[str, ...]
    native: bool
    segments: tuple[str | Segments, ...] | None
    template: Template | None


def is_template(text: str) -> bool:
    """Whether `text` has anything to render."""
    return "{{" in text or "{%" in text


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


@lru_cache(maxsize=4096)
def compile_template(text: str) -> CompiledTemplate:
    """Parses and checks `text`; raises `TemplateError`. The same text is compiled once."""
    if len(text) > MAX_TEMPLATE_CHARS:
        raise TemplateError(text, f"the template is longer than {MAX_TEMPLATE_CHARS} characters")
    reading = Reading()
    sandbox = _sandbox()
    try:
        source = to_jinja(text)
        whole = _is_one_expression(source)
        tree = rewrite(sandbox.parse(source.strip() if whole else source), sandbox, reading)
        segments = _plain_segments(tree)
        native = whole and len(tree.body) == 1
        template = None if segments is not None else _to_template(tree, native, sandbox)
    except (TemplateSyntaxError, RefusedError, SecurityError) as error:
        reason = error.message if isinstance(error, TemplateSyntaxError) else str(error)
        raise TemplateError(text, _with_advice(reason or "syntax error", text)) from error
    except RecursionError as error:
        raise TemplateError(text, "the expression is nested too deeply") from error
    return CompiledTemplate(text, tuple(reading.paths), tuple(reading.files), native, segments, template)


@cache
def _sandbox() -> Sandbox:
    sandbox = make_sandbox(_finalize)
    # Bound for each render through the context; present here so that the reader knows them as functions.
    functions = cast("dict[str, Any]", sandbox.globals)
    functions["previous_response"] = functions["file"] = _unbound
    return sandbox


def _unbound(*_: object) -> str:
    raise SecurityError("this function exists only while a run renders")


def _finalize(value: Any) -> str:
    return str(value) if isinstance(value, StrictUndefined) else to_text(_plain(value))


def _is_one_expression(source: str) -> bool:
    text = source.strip()
    return text.startswith("{{") and text.endswith("}}") and text.find("}}") == len(text) - 2


def _plain_segments(tree: nodes.Template) -> tuple[str | Segments, ...] | None:
    segments: list[str | Segments] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                segments.append(node.data)
            elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == RESOLVE:
                segments.append(cast(nodes.Const, node.args[0]).value)
            else:
                return None
    return tuple(segments)


def _to_template(tree: nodes.Template, native: bool, sandbox: Sandbox) -> Template:
    if native:
        expression = cast(nodes.Output, tree.body[0]).nodes[0]
        tree = nodes.Template([nodes.Assign(nodes.Name("result", "store", lineno=1), expression, lineno=1)], lineno=1)
    tree.set_environment(sandbox)
    return sandbox.from_string(tree)


def _render_one(text: str, scope: Scope) -> JsonValue:
    if not scope.lenient:
        return _render_strictly(text, scope)
    try:
        if not any(isinstance(scope.find(path), Missing) for path in compile_template(text).paths):
            return _render_strictly(text, scope)
    except TemplateError:
        pass  # told as a warning when the pipeline was loaded
    if "{%" in text and _compiles(text):
        return _render_strictly(text, scope)
    return render_leniently(text, scope, _render_strictly, lambda part: compile_template(part).paths)


def readable_paths(text: str) -> list[Segments]:
    """What the expressions of `text` read that can be compiled, where the text as a whole cannot."""
    return [path for part in expressions(text) if _compiles(part) for path in compile_template(part).paths]


def quoted_files(text: str) -> tuple[str, ...]:
    """The workspace files that the expressions of `text` quote, as far as they can be compiled."""
    parts = [text] if _compiles(text) else [part for part in expressions(text) if _compiles(part)]
    return tuple(file for part in parts for file in compile_template(part).files)


def _compiles(text: str) -> bool:
    try:
        compile_template(text)
    except TemplateError:
        return False
    return True


def _render_strictly(text: str, scope: Scope) -> JsonValue:
    compiled = compile_template(text)
    segments = compiled.segments
    if segments is not None:
        if compiled.native:
            return _resolved(cast(Segments, segments[0]), scope, text)
        joined = "".join(
            [each if isinstance(each, str) else to_text(_resolved(each, scope, text)) for each in segments]
        )
        if len(joined) > MAX_OUTPUT_CHARS:
            raise TemplateError(text, f"the result is longer than {MAX_OUTPUT_CHARS} characters")
        return joined
    return _render_jinja(compiled, scope)


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
            return _finalize(value) if isinstance(value, StrictUndefined) else _plain(value)
        return _bounded_text(compiled, context)
    except (TemplateRuntimeError, UndefinedError, SecurityError) as error:
        raise TemplateError(compiled.text, error.message or str(error)) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # What an operator or filter raises over values it does not fit; the set is what JSON values can cause.
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


def _bindings(scope: Scope) -> dict[str, Callable[..., Any]]:
    budget = [MAX_ITERATIONS]

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
        text = previous_response(result, extract, strict)
        if text is None:
            raise SecurityError(describe_missing((*root, *extract.split(".")), scope))
        return text

    def file(path: str) -> str:
        if path not in scope.files:
            raise SecurityError(f"the file '{path}' of this prompt was not read")
        return scope.files[path]

    def within_budget(values: Any) -> Any:
        return bounded(values, budget)

    return {
        RESOLVE: resolve,
        BOUNDED: within_budget,
        "previous_response": previous,
        "file": file,
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


def _plain(value: Any) -> JsonValue:
    """What Jinja2's filters return (tuples, iterators, ranges, dict views) as JSON."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple | range) or hasattr(value, "__next__") or hasattr(value, "__len__"):
        return [_plain(each) for each in cast("list[Any]", value)]
    raise TypeError(f"a {type(value).__name__} is not a value of the language")


def _with_advice(reason: str, text: str) -> str:
    if ("?" in text and "expected" in reason) or "unexpected char '?'" in reason:
        return f"{reason}; write `a if condition else b` instead of `condition ? a : b`"
    return reason


def literal(text: str) -> str:
    """`text` as a string literal inside an expression."""
    return json.dumps(text, ensure_ascii=False)
