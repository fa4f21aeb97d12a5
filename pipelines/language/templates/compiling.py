"""A template's text, parsed and checked once: plain paths as segments, everything else as Jinja2's code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from pydantic import JsonValue

from pipelines.language.diagnostics import TemplateError, nearest
from pipelines.language.scope import Segments, to_text

from .leniency import expressions
from .limits import MAX_EXPRESSION_CHARS, MAX_EXPRESSIONS, MAX_TEMPLATE_CHARS
from .sandbox import Sandbox, make_sandbox
from .syntax import RESOLVE, Reading, RefusedError, measure, rewrite, to_jinja
from .values import plain


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


_NO_FILTER: Final = re.compile(r"No filter named '(.+)'")
_OPEN_BLOCK: Final = re.compile(r"The innermost block that needs to be closed is '(\w+)'")


def is_template(text: str) -> bool:
    """Whether `text` has anything to render."""
    return "{{" in text or "{%" in text


def has_template(value: JsonValue) -> bool:
    """Whether any text in `value` has anything to render; names of a map's keys never have."""
    match value:
        case str():
            return is_template(value)
        case dict():
            return any(has_template(each) for each in value.values())
        case list():
            return any(has_template(each) for each in value)
        case _:
            return False


@lru_cache(maxsize=4096)
def compile_template(text: str) -> CompiledTemplate:
    """Parses and checks `text`; raises `TemplateError`. The same text is compiled once."""
    if len(text) > MAX_TEMPLATE_CHARS:
        raise TemplateError(text, f"the template is longer than {MAX_TEMPLATE_CHARS} characters")
    count, size = measure(text)
    if count > MAX_EXPRESSIONS or size > MAX_EXPRESSION_CHARS:
        most = f"{MAX_EXPRESSIONS} expressions and {MAX_EXPRESSION_CHARS} characters inside of them"
        raise TemplateError(text, f"the template has more than {most}")
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


def compiles(text: str) -> bool:
    try:
        compile_template(text)
    except TemplateError:
        return False
    return True


def readable_paths(text: str) -> list[Segments]:
    """What the expressions of `text` read that can be compiled, where the text as a whole cannot."""
    return [path for part in expressions(text) if compiles(part) for path in compile_template(part).paths]


def quoted_files(text: str) -> tuple[str, ...]:
    """The workspace files that the expressions of `text` quote, as far as they can be compiled."""
    parts = [text] if compiles(text) else [part for part in expressions(text) if compiles(part)]
    return tuple(file for part in parts for file in compile_template(part).files)


@cache
def _sandbox() -> Sandbox:
    sandbox = make_sandbox(finalize)
    # Bound for each render through the context; present here so that the reader knows them as functions.
    functions = cast("dict[str, Any]", sandbox.globals)
    functions["previous_response"] = functions["file"] = _unbound
    return sandbox


def _unbound(*_: object) -> str:
    raise SecurityError("this function exists only while a run renders")


def finalize(value: Any) -> str:
    return str(value) if isinstance(value, StrictUndefined) else to_text(plain(value))


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


def _with_advice(reason: str, text: str) -> str:
    if ("?" in text and "expected" in reason) or "unexpected char '?'" in reason:
        return f"{reason}; write `a if condition else b` instead of `condition ? a : b`"
    if (unknown := _NO_FILTER.match(reason)) is not None:
        known = sorted(_sandbox().filters)
        match = nearest(unknown[1], known)
        hint = f"did you mean '{match}'?" if match else f"there are: {', '.join(known)}"
        return f"there is no filter '{unknown[1]}' ({hint})"
    if text.count("{{") > text.count("}}"):
        return f"an expression that begins with {{{{ is not closed with }}}} ({reason})"
    if (block := _OPEN_BLOCK.search(reason)) is not None:
        return f"'{{% {block[1]}' is not closed: '{{% end{block[1]} %}}' is missing"
    return reason
