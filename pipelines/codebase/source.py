"""One file as the queries see it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.codebase.languages import grammar_of, kind_of, language_of


@dataclass(frozen=True, slots=True)
class Function:
    """A function, method, class or macro. Lines count from 1, the last one included."""

    name: str
    kind: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Outline:
    """What a parser found. `imports` are as the language writes them, `defines` the modules that others name."""

    functions: tuple[Function, ...] = ()
    imports: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of the codebase. `text` is None where it was not read; `modified_at` is Unix time, `size` in bytes."""

    path: str
    size: int
    modified_at: float
    language: str | None
    kind: str
    outline: Outline = Outline()
    text: str | None = None


def read_source(path: str, size: int, modified_at: float, text: str | None) -> ReadFile:
    """The file with what its text holds. A text that cannot be parsed is kept with the `problem`."""
    grammar = grammar_of(path)
    outline = Outline()
    if text is not None and grammar == "python":
        from pipelines.codebase.python_source import outline_python  # noqa: PLC0415 - only where such files are

        outline = outline_python(text)
    elif text is not None and grammar is not None:
        from pipelines.codebase.grammars import outline_with  # noqa: PLC0415 - loads a foreign library

        outline = outline_with(grammar, text)
    return ReadFile(path, size, modified_at, language_of(path), kind_of(path), outline, text)
