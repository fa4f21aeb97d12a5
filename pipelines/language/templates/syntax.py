"""How a template is read: Jinja2's parser, then our rules over its tree.

Every dotted path that starts at a name of ours becomes one call of the resolver, so that templates and conditions
mean the same by the same name, and so that dependencies are read off the tree instead of guessed from text.
What could reach Python or run without bound is refused here, before anything is rendered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from jinja2 import Environment, nodes

from pipelines.language.scope import Segments

RESOLVE = "_resolve"
BOUNDED = "_bounded"
_STATEMENTS = (nodes.For, nodes.If, nodes.Output, nodes.Template, nodes.TemplateData)
_PREVIOUS = re.compile(r"\{\{\s*previous_response:([\w\-.:]+)\s*\}\}")
_HYPHENATED = re.compile(r"\bsteps\.([A-Za-z_]\w*(?:-\w+)+)")
_OPENING = re.compile(r"\{[{%]")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_NEGATIVE = re.compile(r"\{\{-(?=\d)")


@dataclass(slots=True)
class Reading:
    """What one template refers to."""

    paths: list[Segments] = field(default_factory=list[Segments])
    files: list[str] = field(default_factory=list[str])


class RefusedError(Exception):
    """A construct the language does not allow; the text says which and why."""


def quote_hyphens(expression: str) -> str:
    """`steps.my-step.x` as `steps["my-step"].x`: after `steps.` a hyphen without spaces belongs to the name."""
    return _HYPHENATED.sub(lambda found: f'steps["{found[1]}"]', expression)


def to_jinja(text: str) -> str:
    """pipeline_ex's own notations (`{{previous_response:step.path}}`, hyphenated names, `{{-1}}`) as Jinja."""
    if "{{-" in text:
        # Jinja would read the sign as a wish to trim what stands before.
        text = _NEGATIVE.sub("{{ -", text)
    if "previous_response:" in text:
        text = _PREVIOUS.sub(_previous_call, text)
    if "-" in text and "steps." in text:
        # Behind the last "}}" every "{{" would be looked after to the end.
        end = text.rfind("}}") + 2
        text = _EXPRESSION.sub(lambda found: quote_hyphens(found[0]), text[:end]) + text[end:]
    return text


def measure(text: str) -> tuple[int, int]:
    """How many expressions and statements a template has, and how many characters they take together."""
    count = size = at = 0
    while (found := _OPENING.search(text, at)) is not None:
        end = text.find("}}" if found[0] == "{{" else "%}", found.end())
        at = end + 2 if end >= 0 else len(text)
        count, size = count + 1, size + at - found.start()
    return count, size


def _previous_call(found: re.Match[str]) -> str:
    step, _, path = found[1].replace(":", ".").partition(".")
    return f'{{{{ previous_response("{step}", "{path}") }}}}'


def rewrite(tree: nodes.Template, environment: Environment, reading: Reading) -> nodes.Template:
    """Checks the tree and routes its names through the resolver; raises `RefusedError`."""
    return cast(nodes.Template, _Rewriter(environment, reading).visit(tree, frozenset()))


class _Rewriter:
    def __init__(self, environment: Environment, reading: Reading) -> None:
        self._functions = frozenset(environment.globals)
        self._reading = reading

    def visit(self, node: nodes.Node, local: frozenset[str]) -> nodes.Node:
        if isinstance(node, nodes.Stmt) and not isinstance(node, _STATEMENTS):
            raise RefusedError(f"'{type(node).__name__.lower()}' is not allowed; only if and for are")
        if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
            _refuse_internals(node)
            path = self._path(node, local)
            if path is not None:
                self._reading.paths.append(path)
                return _call(RESOLVE, [nodes.Const(path)])
            if isinstance(node, nodes.Name):
                return node
        if isinstance(node, nodes.For):
            return self._for(node, local)
        if isinstance(node, nodes.Call):
            return self._function_call(node, local)
        self._children(node, local)
        return node

    def _children(self, node: nodes.Node, local: frozenset[str]) -> None:
        for name, value in node.iter_fields():
            if isinstance(value, nodes.Node):
                setattr(node, name, self.visit(value, local))
            elif isinstance(value, list):
                items = cast("list[object]", value)
                setattr(node, name, [self.visit(e, local) if isinstance(e, nodes.Node) else e for e in items])

    def _path(self, node: nodes.Node, local: frozenset[str]) -> Segments | None:
        tail: list[str | int] = []
        while not isinstance(node, nodes.Name):
            if isinstance(node, nodes.Getattr):
                tail.append(node.attr)
            elif (
                isinstance(node, nodes.Getitem)
                and isinstance(node.arg, nodes.Const)
                and isinstance(node.arg.value, str | int)
            ):
                tail.append(node.arg.value)
            else:
                return None
            _refuse_internals(node)
            node = node.node
        _refuse_internals(node)
        if node.name in local or node.name in self._functions:
            return None
        return (node.name, *reversed(tail))

    def _for(self, node: nodes.For, local: frozenset[str]) -> nodes.Node:
        if node.recursive:
            raise RefusedError("a recursive for is not allowed")
        targets = {name.name for name in node.target.find_all(nodes.Name)}
        if isinstance(node.target, nodes.Name):
            targets.add(node.target.name)
        node.iter = _call(BOUNDED, [cast(nodes.Expr, self.visit(node.iter, local))])
        inner = local | targets | {"loop"}
        node.body = [self.visit(each, inner) for each in node.body]
        node.else_ = [self.visit(each, local) for each in node.else_]
        if node.test is not None:
            node.test = cast(nodes.Expr, self.visit(node.test, inner))
        return node

    def _function_call(self, node: nodes.Call, local: frozenset[str]) -> nodes.Node:
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            _refuse_internals(callee)
            callee.node = cast(nodes.Expr, self.visit(callee.node, local))
        elif isinstance(callee, nodes.Name):
            if callee.name not in self._functions:
                raise RefusedError(f"there is no function '{callee.name}'")
            if callee.name in {"previous_response", "file"}:
                self._note_literal(callee.name, node)
        else:
            raise RefusedError("only a named function can be called")
        for each in (*node.args, *node.kwargs):
            self._children(each, local) if isinstance(each, nodes.Keyword) else None
        node.args = [cast(nodes.Expr, self.visit(each, local)) for each in node.args]
        return node

    def _note_literal(self, name: str, node: nodes.Call) -> None:
        first = node.args[0] if node.args else None
        if not isinstance(first, nodes.Const) or not isinstance(first.value, str):
            raise RefusedError(f"{name}() needs its first argument as literal text")
        if name == "file":
            self._reading.files.append(first.value)
        else:
            self._reading.paths.append(("loop",) if first.value == "loop" else ("steps", first.value))


def _call(function: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.Name(function, "load"), arguments, [], None, None, lineno=1)


def _refuse_internals(node: nodes.Node) -> None:
    name = getattr(node, "attr", None) or getattr(node, "name", None)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        name = node.arg.value if str(node.arg.value).startswith("__") else None
    if isinstance(name, str) and name.startswith("_"):
        raise RefusedError(f"'{name}' is not reachable: names that begin with an underscore are Python's own")
