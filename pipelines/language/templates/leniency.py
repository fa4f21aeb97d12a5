"""Names that lead nowhere, where a pipeline says `unresolved_names: keep` (files of the `workflow:` dialect do).

pipeline_ex's rules (spec section 5): `inputs`, `global_vars` and `steps` that are not there leave the template's own
text, everything else becomes empty text (null where the value is one template), zero in arithmetic, its own text when
it calls a function that does not exist; `{{}}` is text. What cannot be compiled was told when the file was loaded and
becomes empty text. Nothing else is let pass: what is too long, of the wrong kind or without end stays an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from jinja2.exceptions import SecurityError
from pydantic import JsonValue

from pipelines.language.diagnostics import TemplateError
from pipelines.language.scope import Missing, Scope, Segments, parse_path, to_text

from .deadline import Deadline
from .limits import MAX_OUTPUT_CHARS

Strict = Callable[[str, Scope], JsonValue]
Paths = Callable[[str], tuple[Segments, ...]]

_EXPRESSION: Final = re.compile(r"\{\{(?!\}\})(.*?)\}\}", re.DOTALL)
_NAME: Final = re.compile(r"""(?<![\w."'])[A-Za-z_][\w.]*(?![\w."'])""")
_MOST_HYPHENATED: Final = 50
_CALL: Final = re.compile(r"([A-Za-z_]\w*)\(.*\)", re.DOTALL)
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_HYPHENATED: Final = re.compile(r"[A-Za-z_]\w*(-\w+)+")
_REFERENCES: Final = frozenset({"inputs", "global_vars", "steps"})
# What a prompt part becomes; pipeline_ex does not let these pass either.
_PARTS: Final = ("previous_response(", "file(")


def expressions(text: str) -> Iterator[str]:
    """Each `{{ ... }}` of `text`, braces included."""
    return (found[0] for found in _EXPRESSION.finditer(text, 0, text.rfind("}}") + 2))


def render_leniently(text: str, scope: Scope, strict: Strict, paths: Paths) -> JsonValue:
    """`text` rendered one expression at a time by `strict`, or by the rules above where that fails for a name.

    `paths` gives what a text reads. Both raise `TemplateError` for what cannot be compiled; `strict` for much more,
    which passes through unless a name is missing.
    """
    whole = _EXPRESSION.fullmatch(text.strip())
    if whole is not None and "}}" not in whole[1]:
        return _one(whole[0], scope, strict, paths)
    deadline = Deadline()
    parts: list[str] = []
    length = at = 0
    # Behind the last "}}" every "{{" would be looked after to the end.
    for found in _EXPRESSION.finditer(text, 0, text.rfind("}}") + 2):
        try:
            deadline.check()
        except SecurityError as error:
            raise TemplateError(text, str(error)) from error
        part = text[at : found.start()] + _as_text(_one(found[0], scope, strict, paths))
        length, at = length + len(part), found.end()
        if length > MAX_OUTPUT_CHARS:
            raise TemplateError(text, f"the result is longer than {MAX_OUTPUT_CHARS} characters")
        parts.append(part)
    return "".join(parts) + text[at:]


def _one(text: str, scope: Scope, strict: Strict, paths: Paths) -> JsonValue:
    inner = text[2:-2].strip()
    if inner.startswith(_PARTS):
        return strict(text, scope)
    try:
        missing = [path for path in paths(text) if isinstance(scope.find(path), Missing)]
    except TemplateError:
        return inner if _CALL.fullmatch(inner) else None
    if _HYPHENATED.fullmatch(inner):
        value = scope.find((inner,))
        return None if isinstance(value, Missing) else value
    try:
        return strict(text, scope)
    except TemplateError:
        if not missing:
            raise
    if _DOTTED.fullmatch(inner):
        return text if parse_path(inner)[0] in _REFERENCES else None
    return _with_zeros(inner, missing, scope, strict)


def _with_zeros(inner: str, missing: list[Segments], scope: Scope, strict: Strict) -> JsonValue:
    names = {".".join(str(part) for part in path) for path in missing}
    for name in sorted(name for name in names if "-" in name)[:_MOST_HYPHENATED]:
        inner = re.sub(rf"(?<![\w.\"']){re.escape(name)}(?![\w.\"'])", "0", inner)
    inner = _NAME.sub(lambda found: "0" if found[0] in names else found[0], inner)
    try:
        return strict(f"{{{{ {inner} }}}}", scope)
    except TemplateError:
        return None


def _as_text(value: JsonValue) -> str:
    return "" if value is None else to_text(value)
