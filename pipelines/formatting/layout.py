"""One layout for all definitions. Only blanks change: never a value, a comment, a quote or the order of keys."""

from __future__ import annotations

from pipelines.language import read_yaml

from .roundtrip import ChangedMeaningError, dump, load


def format_text(text: str | bytes, source: str = "<text>") -> str:
    """The text in the one layout; formatting it again changes nothing.

    Raises `InvalidPipelineError` when it is no YAML we read, and `ChangedMeaningError` rather than give back a text
    that reads otherwise.
    """
    plain, tree = load(text, source)
    formatted = dump(tree)
    if read_yaml(formatted, source).value != read_yaml(plain, source).value or _comments(formatted) != _comments(plain):
        raise ChangedMeaningError(f"{source} is left as it is: its layout cannot be changed without changing more")
    return formatted


def _comments(text: str) -> list[str]:
    """What stands behind `#` in lines that are nothing but a comment: none may be lost."""
    return sorted(line.strip() for line in text.split("\n") if line.lstrip().startswith("#"))
