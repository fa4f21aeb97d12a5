"""What a path alone says of a file."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

LANGUAGES: Final = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".jsx": "javascript", ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".go": "go", ".rs": "rust", ".ex": "elixir", ".exs": "elixir",
}  # fmt: skip
"""Extension -> the language whose functions and imports are read. `tsx` answers to "typescript" too."""

_CONFIG: Final = frozenset({".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties"})
_CONFIG_NAMES: Final = frozenset({"mix.exs", "go.mod", "dockerfile", "makefile", "setup.py", "conftest.py"})
_MAIN: Final = frozenset({"main", "__main__", "index", "app", "application", "cli", "server", "manage"})
_TEST: Final = re.compile(r"(^|/)(tests?|spec|__tests__)/|(^|/)test_[^/]*$|[._](test|spec)s?\.[a-z]+$")


def language_of(path: str) -> str | None:
    """The language, None when it is none of ours."""
    found = LANGUAGES.get(PurePosixPath(path).suffix.lower())
    return "typescript" if found == "tsx" else found


def grammar_of(path: str) -> str | None:
    """As `language_of`, with `tsx` told apart: it has a grammar of its own."""
    return LANGUAGES.get(PurePosixPath(path).suffix.lower())


def is_test(path: str) -> bool:
    """Whether the file is a test, by the habits of the languages."""
    return _TEST.search(path.lower()) is not None


def kind_of(path: str) -> str:
    """test, config, main, source, or other."""
    name = PurePosixPath(path.lower())
    if is_test(path):
        return "test"
    if name.suffix in _CONFIG or name.name in _CONFIG_NAMES or name.stem == "config":
        return "config"
    if language_of(path) is None:
        return "other"
    return "main" if name.stem in _MAIN else "source"


def is_read(path: str) -> bool:
    """Whether the text is needed to know what hangs together."""
    return language_of(path) is not None or PurePosixPath(path).name == "go.mod"
