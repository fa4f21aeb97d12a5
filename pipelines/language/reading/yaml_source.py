"""YAML text as JSON values with the position of every key: PyYAML's safe loader, within limits."""

from __future__ import annotations

from typing import Final, cast

import yaml

from pipelines.language.diagnostics import Diagnostic, InvalidPipelineError

from .decoding import decode_text, lines_of, place_of, place_within
from .document import Document, Position
from .limits import LOADER, SPLIT, YAML, check_expansion, check_limits, limit
from .nodes import NodeReader


def read_yaml(text: str | bytes, file: str) -> Document:
    """Parses one document; raises `InvalidPipelineError` when it cannot be read at all.

    Duplicate keys, foreign tags and the like are collected in `findings`, so that all errors come at once.
    """
    source = decode_text(text, file)
    try:
        has_aliases = check_limits(source, file)
        root = cast("yaml.Node | None", YAML.compose(source, Loader=LOADER))
    except yaml.YAMLError as error:
        raise InvalidPipelineError([_syntax(error, source, file)]) from error
    except RecursionError as error:
        raise InvalidPipelineError([limit(file, 1, 1, "the text is nested too deeply")]) from error
    if root is None:
        raise InvalidPipelineError(
            [
                Diagnostic(
                    "error",
                    "empty",
                    "the text is empty",
                    file,
                    1,
                    1,
                    "",
                    "a map with name and steps",
                    "begin with `name:` and `steps:`",
                )
            ]
        )
    if has_aliases:
        check_expansion(root, file)
    document = Document(file, source=source)
    document.value = NodeReader(document).read(root, ())
    return document


def _syntax(error: yaml.YAMLError, source: str, file: str) -> Diagnostic:
    message = str(getattr(error, "problem", None) or error).splitlines()[0]
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = place_within(source, mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    if isinstance(error, yaml.reader.ReaderError):
        # Its position counts bytes of UTF-8.
        at = place_of(source, len(source.encode()[: error.position].decode("utf-8", "ignore")))
        message = f"the character {error.character!r} is not allowed"
        if isinstance(error.character, int):
            message = f"the character U+{error.character:04X} is not allowed"
    if message == "but found another document":
        message = "a second document begins here"
        return Diagnostic("error", "yaml", message, file, at.line, at.column, "", "one pipeline a file", SPLIT)
    text = lines_of(source)[at.line - 1]
    fix = "check quotes, colons and indentation on this line and the one above"
    if "\t" in text[: len(text) - len(text.lstrip())]:
        message, fix = f"a tab cannot indent ({message})", "indent with spaces"
    else:
        message, fix = _explained(message, fix)
        begin = getattr(error, "context_mark", None)
        if begin is not None and "quoted scalar" in str(getattr(error, "context", "")):
            message, fix = "a quote that begins here is not closed", "close it; a quote inside of it is doubled"
            at = Position(begin.line + 1, begin.column + 1)
    return Diagnostic("error", "yaml", message, file, at.line, at.column, expected="valid YAML", fix=fix)


def _explained(problem: str, fix: str) -> tuple[str, str]:
    """libyaml's sentence in the words of a person who writes YAML, and what to do."""
    for words, message, better in _PROBLEMS:
        if words in problem:
            return f"{message} ({problem})", better
    return problem, fix


_ALIGN: Final = "align it with the lines it belongs to"
_PROBLEMS: Final = (
    ("mapping values are not allowed", "a colon and a blank make a key here", "quote the text that holds the colon"),
    ("did not find expected '-' indicator", "the line is indented unlike the list around it", _ALIGN),
    ("did not find expected key", "the line does not fit the map around it", f"{_ALIGN}, and look at quotes above it"),
    ("undefined alias", "* names an anchor, and there is none of this name", "quote a text that begins with *"),
    ("cannot start any token", "a text cannot begin with this character", "quote the text"),
    ("could not find expected ':'", "a key without a colon", "write `key: value`, or `|` before text of several lines"),
)
