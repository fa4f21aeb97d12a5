"""YAML in and out with comments, quotes and block texts as they are (ruamel.yaml).

Meaning is always judged by the language's own reader, before and after: ruamel reads YAML 1.2 and we read what people
expect of 1.1, so a text is only given back when both readings of it are the same.
"""

from __future__ import annotations

from bisect import bisect
from io import StringIO
from typing import Any, Final, cast

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipelines.language import InvalidPipelineError, decode_text, read_yaml

_WIDEST: Final = 1_000_000


class ChangedMeaningError(Exception):
    """The new text would not mean what the old one does; nothing is given back."""


def load(text: str | bytes, source: str) -> tuple[str, Any]:
    """The text with plain line ends, and its tree with comments. Raises `InvalidPipelineError` as the loader does."""
    plain = decode_text(text, source).replace("\r\n", "\n").replace("\r", "\n")
    document = read_yaml(plain, source)
    if document.findings:
        raise InvalidPipelineError(document.all_findings())
    try:
        return plain, cast(Any, _yaml()).load(plain)
    except YAMLError as error:
        raise ChangedMeaningError(f"{source} cannot be taken apart with its comments: {error}") from error


def dump(tree: Any) -> str:
    """The tree as text: two blanks a level, lists indented below their key, lines left as long as they are."""
    out = StringIO()
    cast(Any, _yaml()).dump(tree, out)
    return _with_comments_in_line(out.getvalue()).rstrip("\n") + "\n"


def _with_comments_in_line(text: str) -> str:
    """Comments that stand alone moved to the level of what follows, unless they are at a level of a neighbour: ruamel
    leaves them at the column they had."""
    lines = text.split("\n")
    inside = _lines_of_values(text)
    own = [index for index, line in enumerate(lines) if line.lstrip(" ").startswith("#") and index not in inside]
    content = [index for index, line in enumerate(lines) if line.strip() and index not in inside and index not in own]
    for index in own:
        place = bisect(content, index)
        near = [_indent(lines[each]) for each in (*content[place : place + 1], *content[max(place - 1, 0) : place])]
        if near and _indent(lines[index]) not in near:
            lines[index] = " " * near[0] + lines[index].lstrip(" ")
    return "\n".join(lines)


def _lines_of_values(text: str) -> set[int]:
    """Numbers (from 0) of the lines that a text of several lines goes on in: a `#` there is no comment."""
    found: set[int] = set()
    for token in cast(Any, yaml).scan(text):
        if isinstance(token, yaml.ScalarToken):
            first, last = cast(Any, token).start_mark.line, cast(Any, token).end_mark.line
            block = cast(Any, token).style in {"|", ">"}
            found.update(range(first + 1, last + (0 if block else 1)))
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _yaml() -> YAML:
    layout = YAML(typ="rt")
    layout.preserve_quotes = True
    layout.width = _WIDEST
    layout.allow_unicode = True
    cast(Any, layout).indent(mapping=2, sequence=4, offset=2)
    return layout
