"""Python by its own parser."""

from __future__ import annotations

import ast
import warnings

from pipelines.codebase.source import Function, Outline


def outline_python(text: str) -> Outline:
    """Functions and classes, nested ones too, and imports. A module is written with its leading dots; what is taken
    `from` it stands behind a colon, as it may be a module itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Outline(problem=f"not readable as Python: {type(error).__name__}: {error}"[:200])
    functions: list[Function] = []
    imports: dict[str, None] = {}
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        inner = prefix
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                kind = "class" if isinstance(node, ast.ClassDef) else "function"
                functions.append(Function(f"{prefix}{node.name}", kind, node.lineno, node.end_lineno or node.lineno))
                inner = f"{prefix}{node.name}."
            case ast.Import():
                imports.update((each.name, None) for each in node.names)
            case ast.ImportFrom():
                module = "." * node.level + (node.module or "")
                imports.update((f"{module}:{each.name}", None) for each in node.names)
            case _:
                pass
        waiting += [(child, inner) for child in ast.iter_child_nodes(node)]
    return Outline(tuple(sorted(functions, key=lambda each: (each.line, each.name))), tuple(imports))
