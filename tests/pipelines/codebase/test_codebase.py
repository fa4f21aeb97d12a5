"""What a codebase holds and how its files hang together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.codebase import Codebase, CriteriaError, answer_question, read_question, read_source
from pipelines.codebase.languages import kind_of

PYTHON = {
    "src/shop/__init__.py": "",
    "src/shop/stock.py": "import os\nfrom . import prices\n\nclass Stock:\n    def level(self):\n        return 1\n",
    "src/shop/prices.py": "def price(article):\n    return 2\n",
    "src/shop/main.py": "from shop.stock import Stock\nimport requests\n",
    "tests/test_stock.py": "from shop.stock import Stock\n",
    "pyproject.toml": "[project]\n",
    "README.md": "# Shop\n",
    "broken.py": "def (:\n",
}
LANGUAGES = {
    "python": {"a.py": "from pkg import b\n", "pkg/b.py": "def f(): ...\n"},
    "javascript": {"a.js": "import b from './pkg/b';\n", "pkg/b.js": "export function f() {}\n"},
    "typescript": {"a.tsx": "import b from './pkg/b.js';\n", "pkg/b.ts": "export function f(): void {}\n"},
    "go": {
        "go.mod": "module ex.com/m\n",
        "a.go": 'package a\nimport (\n  "fmt"\n  "ex.com/m/pkg"\n)\n',
        "pkg/b.go": "package pkg\nfunc f() {}\n",
    },
    "rust": {"src/a.rs": "use crate::pkg::b;\n", "src/pkg/b.rs": "fn f() {}\n"},
    "elixir": {"a.ex": "defmodule A do\n  alias Pkg.B\nend\n", "pkg/b.ex": "defmodule Pkg.B do\n  def f, do: 1\nend\n"},
}


def codebase(files: dict[str, str]) -> Codebase:
    return Codebase(read_source(path, len(text), 1_000_000.0, text) for path, text in files.items())


def ask(files: dict[str, str], query: dict[str, Any]) -> Any:
    return answer_question(codebase(files), read_question("q", query))


def paths(found: Any) -> list[str]:
    return [each["path"] for each in found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_gives_its_dependencies_and_functions(language: str) -> None:
    files = LANGUAGES[language]
    source, target = (next(path for path in files if f"{stem}." in path) for stem in ("a", "b"))
    assert ask(files, {"find_dependencies": {"for_file": source}})["dependencies"] == [target]
    (function,) = [each for each in ask(files, {"find_functions": {"name": "f"}}) if each["kind"] == "function"]
    assert (function["file"], function["name"]) == (target, "f")
    assert ask(files, {"analyze_impact": {"file": target}})["directly_affected"] == [source]
    assert source in paths(ask(files, {"find_files": {"language": language}}))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"type": "main"}, ["src/shop/main.py"]),
        ({"type": "test"}, ["tests/test_stock.py"]),
        ({"type": "config"}, ["pyproject.toml"]),
        ([{"language": "python"}, {"contains": "def price"}], ["src/shop/prices.py"]),
        ({"pattern": "src/**/p*.py"}, ["src/shop/prices.py"]),
        ({"extension": "md"}, ["README.md"]),
        ({"related_to": "src/shop/prices.py"}, ["src/shop/stock.py"]),
        ({"pattern": "*stock*", "exclude_tests": True}, ["src/shop/stock.py"]),
        ({"extension": "py", "size_max": 0}, ["src/shop/__init__.py"]),
        ({"modified_since": "2030-01-01"}, []),
    ],
)
def test_files_are_found_by_every_criterion(query: Any, found: list[str]) -> None:
    assert paths(ask(PYTHON, {"find_files": query})) == found


def test_dependencies_go_further_on_request_and_name_what_is_external() -> None:
    found = ask(PYTHON, {"find_dependencies": [{"for_file": "src/shop/main.py"}, {"include_transitive": True}]})
    assert found["dependencies"] == ["src/shop/stock.py"]
    assert found["transitive"] == ["src/shop/prices.py"]
    assert found["external"] == ["requests"]


def test_impact_follows_dependents_and_names_the_tests() -> None:
    found = ask(PYTHON, {"analyze_impact": {"file": "src/shop/prices.py"}})
    assert found["directly_affected"] == ["src/shop/stock.py"]
    assert found["indirectly_affected"] == ["src/shop/main.py"]
    assert found["tests"] == ["tests/test_stock.py"]
    assert found["complete"]
    shallow = ask(PYTHON, {"analyze_impact": {"file": "src/shop/prices.py", "max_depth": 1, "include_tests": False}})
    assert (shallow["indirectly_affected"], shallow["tests"], shallow["complete"]) == ([], [], False)


def test_files_that_need_each_other_come_to_an_end() -> None:
    files = {"a.py": "import b\n", "b.py": "import a\n"}
    assert ask(files, {"analyze_impact": {"file": "a.py", "max_depth": 100}})["directly_affected"] == ["b.py"]


def test_methods_are_found_by_their_own_name_and_by_pattern() -> None:
    assert [each["name"] for each in ask(PYTHON, {"find_functions": {"name": "level"}})] == ["Stock.level"]
    found = ask(PYTHON, {"find_functions": {"pattern": "Stock*", "in_file": "src/shop/stock.py"}})
    assert [(each["name"], each["line"], each["end_line"]) for each in found] == [
        ("Stock", 4, 6),
        ("Stock.level", 5, 6),
    ]


def test_related_files_say_how_they_are_related() -> None:
    found = ask(PYTHON, {"find_related": {"file": "src/shop/stock.py", "types": ["dependency", "dependent", "test"]}})
    assert {each["path"]: each["relations"] for each in found} == {
        "src/shop/prices.py": ["dependency"],
        "src/shop/main.py": ["dependent"],
        "tests/test_stock.py": ["test"],
    }


def test_a_broken_file_is_named_and_hides_nothing() -> None:
    assert "not readable as Python" in (codebase(PYTHON).files["broken.py"].outline.problem or "")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"find_dependencies": {"for_file": "stock.py"}}, "did you mean src/shop/stock.py"),
        ({"find_everything": {}}, "there is no query 'find_everything'"),
        ({"find_files": {"colour": "red"}}, "criteria: type, pattern"),
        ({"find_files": [{"type": "main"}, {"type": "test"}]}, "'type' is there twice"),
        ({"find_files": {"modified_since": "yesterday"}}, "modified_since"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_what_to_write(query: Any, told: str) -> None:
    with pytest.raises(CriteriaError, match=told.replace("(", r"\(")):
        ask(PYTHON, query)


def test_kinds_are_told_by_the_habits_of_the_languages() -> None:
    cases = {"a_test.go": "test", "x.spec.ts": "test", "mix.exs": "config", "lib/latest.py": "source", "cli.py": "main"}
    assert {path: kind_of(path) for path in cases} == cases


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["a.py", "a.js", "a.tsx", "a.go", "a.rs", "a.ex"]), st.text(max_size=200))
def test_no_text_breaks_the_reading(path: str, text: str) -> None:
    json.dumps(answer_question(codebase({path: text}), read_question("q", {"find_functions": {}})))


def test_a_text_that_nests_without_end_is_a_problem_of_its_file() -> None:
    for path in ("a.py", "a.js"):
        codebase({path: "(" * 100_000})
