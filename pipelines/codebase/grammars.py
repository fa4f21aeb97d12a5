"""The other languages by tree-sitter, which reads broken and unfinished files too. A language is a grammar and a query.

Captures: @name is a function's name inside its @function, @class or @macro; @import a text that names another file or
module; @module a module that the file defines.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pipelines.codebase.source import Function, Outline

_JAVASCRIPT: Final = """
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: [(identifier) (import)] @callee arguments: (arguments . (string) @import)
    (#any-of? @callee "require" "import"))
"""
_TYPESCRIPT: Final = (
    _JAVASCRIPT
    + """
(interface_declaration name: (type_identifier) @name) @class
(abstract_class_declaration name: (type_identifier) @name) @class
"""
)
_GO: Final = """
(function_declaration name: (identifier) @name) @function
(method_declaration name: (field_identifier) @name) @function
(type_spec name: (type_identifier) @name) @class
(import_spec path: (interpreted_string_literal) @import)
"""
_RUST: Final = """
(function_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @class
(enum_item name: (type_identifier) @name) @class
(trait_item name: (type_identifier) @name) @class
(macro_definition name: (identifier) @name) @macro
(use_declaration argument: (_) @import)
(mod_item !body name: (identifier) @mod)
"""
_ELIXIR: Final = """
(call target: (identifier) @keyword (arguments [
    (call target: (identifier) @name)
    (identifier) @name
    (binary_operator left: (call target: (identifier) @name))]) (#any-of? @keyword "def" "defp")) @function
(call target: (identifier) @keyword (arguments [
    (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))]) (#any-of? @keyword "defmacro" "defmacrop")) @macro
(call target: (identifier) @keyword (arguments . (alias) @module) (#eq? @keyword "defmodule"))
(alias) @import
"""
_QUERIES: Final = {
    "javascript": _JAVASCRIPT, "typescript": _TYPESCRIPT, "tsx": _TYPESCRIPT, "go": _GO, "rust": _RUST,
    "elixir": _ELIXIR,
}  # fmt: skip


def outline_with(grammar: str, text: str) -> Outline:
    """What the query of that grammar finds."""
    from tree_sitter import Parser, QueryCursor  # noqa: PLC0415 - only where such files are

    language, query = _prepared(grammar)
    tree = Parser(language).parse(text.encode("utf-8", "replace"))
    functions: dict[tuple[int, str], Function] = {}
    imports: dict[str, None] = {}
    defines: dict[str, None] = {}
    found: list[tuple[int, dict[str, list[Any]]]] = QueryCursor(query).matches(tree.root_node)
    for _, captures in found:
        for node in captures.get("import", ()):
            imports[_text(node).strip("\"'`")] = None
        for node in captures.get("mod", ()):
            imports[f"mod {_text(node)}"] = None
        for node in captures.get("module", ()):
            defines[_text(node)] = None
        for kind in ("function", "class", "macro"):
            for whole, name in zip(captures.get(kind, ()), captures.get("name", ()), strict=False):
                line, end = whole.start_point[0] + 1, whole.end_point[0] + 1
                functions[(line, _text(name))] = Function(_text(name), kind, line, end)
    outside = tuple(each for each in imports if each not in defines)
    return Outline(tuple(functions[key] for key in sorted(functions)), outside, tuple(defines))


@cache
def _prepared(grammar: str) -> tuple[Any, Any]:
    from importlib import import_module  # noqa: PLC0415

    from tree_sitter import Language, Query  # noqa: PLC0415

    module = import_module("tree_sitter_typescript" if grammar == "tsx" else f"tree_sitter_{grammar}")
    entry = {"typescript": "language_typescript", "tsx": "language_tsx"}.get(grammar, "language")
    language = Language(getattr(module, entry)())  # pyright: ignore[reportDeprecated] - the wheels give a capsule
    return language, Query(language, _QUERIES[grammar])


def _text(node: Any) -> str:
    return bytes(node.text or b"").decode("utf-8", "replace")
