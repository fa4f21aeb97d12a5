"""The answers. All paths are relative to the workspace, in order, so that the same files give the same answer."""

from __future__ import annotations

import fnmatch
from pathlib import PurePosixPath
from typing import assert_never, cast

from pydantic import JsonValue

from pipelines.codebase.criteria import (
    AnalyzeImpact,
    CriteriaError,
    FindDependencies,
    FindFiles,
    FindFunctions,
    FindRelated,
    Question,
)
from pipelines.codebase.graph import Codebase
from pipelines.codebase.languages import is_test
from pipelines.codebase.source import ReadFile


def answer_question(codebase: Codebase, question: Question) -> JsonValue:
    """The answer as JSON. Raises `CriteriaError` for a file that is not there."""
    match question:
        case FindFiles():
            return [_file(file) for file in codebase.files.values() if _fits(codebase, file, question)]
        case FindDependencies():
            return _dependencies(codebase, question)
        case FindFunctions():
            return _functions(codebase, question)
        case FindRelated():
            return _related(codebase, question)
        case AnalyzeImpact():
            return _impact(codebase, question)
        case _:
            assert_never(question)


def _file(file: ReadFile) -> JsonValue:
    return {"path": file.path, "type": file.kind, "language": file.language, "size": file.size}


def _fits(codebase: Codebase, file: ReadFile, asked: FindFiles) -> bool:
    if asked.related_to is not None:
        near = _known(codebase, asked.related_to)
        if file.path not in {*codebase.needs[near], *codebase.needed_by[near]}:
            return False
    kinds = {"main", "source"} if asked.type == "source" else {asked.type}
    name = PurePosixPath(file.path)
    return (
        (asked.type in {None, "any"} or file.kind in kinds)
        and (asked.pattern is None or _like(file.path, asked.pattern))
        and (asked.language is None or file.language == asked.language.lower())
        and (asked.extension is None or name.suffix == "." + asked.extension.removeprefix("."))
        and (asked.contains is None or (file.text is not None and asked.contains in file.text))
        and (asked.size_min is None or file.size >= asked.size_min)
        and (asked.size_max is None or file.size <= asked.size_max)
        and (asked.modified_since is None or file.modified_at >= asked.modified_since)
        and not (asked.exclude_tests and is_test(file.path))
    )


def _like(path: str, pattern: str) -> bool:
    """Shell patterns; one without a slash is for the name alone, and `**/` stands for no directory, too."""
    if "/" not in pattern:
        return fnmatch.fnmatchcase(PurePosixPath(path).name, pattern)
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern.replace("**/", ""))


def _dependencies(codebase: Codebase, asked: FindDependencies) -> JsonValue:
    path = _known(codebase, asked.for_file)
    answer: dict[str, JsonValue] = {
        "file": path,
        "dependencies": cast(JsonValue, codebase.needs[path]),
        "external": cast(JsonValue, codebase.external[path]),
    }
    if asked.include_transitive:
        reached = codebase.reach(path, codebase.needs)
        answer["transitive"] = cast(JsonValue, sorted(each for each, away in reached.items() if away > 1))
    return answer


def _functions(codebase: Codebase, asked: FindFunctions) -> JsonValue:
    files = codebase.files.values() if asked.in_file is None else [codebase.files[_known(codebase, asked.in_file)]]
    return [
        {"name": each.name, "kind": each.kind, "file": file.path, "line": each.line, "end_line": each.end_line}
        for file in files
        for each in file.outline.functions
        if (asked.name is None or asked.name in {each.name, each.name.rpartition(".")[2]})
        and (asked.pattern is None or fnmatch.fnmatchcase(each.name, asked.pattern))
    ]


def _related(codebase: Codebase, asked: FindRelated) -> JsonValue:
    path = _known(codebase, asked.file)
    near = PurePosixPath(path)
    groups: dict[str, list[str]] = {
        "dependency": codebase.needs[path],
        "dependent": [each for each in codebase.needed_by[path] if not is_test(each)],
        "test": _tests_of(codebase, path),
        "sibling": [
            each
            for each, file in codebase.files.items()
            if PurePosixPath(each).parent == near.parent and file.language and each != path
        ],
    }
    relations: dict[str, list[str]] = {}
    for kind in asked.types:
        for each in groups[kind]:
            relations.setdefault(each, []).append(kind)
    found = list(relations.items())[: asked.max_results]
    return [{"path": each, "relations": cast(JsonValue, kinds)} for each, kinds in found]


def _tests_of(codebase: Codebase, path: str) -> list[str]:
    """Tests that need the file, and those that are named after it."""
    stem = PurePosixPath(path).stem
    named = {f"test_{stem}", f"{stem}_test", f"{stem}.test", f"{stem}.spec", f"{stem}_spec"}
    tests = {each for each in codebase.needed_by[path] if is_test(each)}
    return sorted(tests | {each for each in codebase.files if is_test(each) and PurePosixPath(each).stem in named})


def _impact(codebase: Codebase, asked: AnalyzeImpact) -> JsonValue:
    path = _known(codebase, asked.file)
    reached = codebase.reach(path, codebase.needed_by, asked.max_depth)
    affected = {each: away for each, away in reached.items() if not is_test(each)}
    tests = sorted({*_tests_of(codebase, path), *(each for each in reached if is_test(each))})
    beyond = codebase.reach(path, codebase.needed_by)
    return {
        "file": path,
        "directly_affected": cast(JsonValue, sorted(each for each, away in affected.items() if away == 1)),
        "indirectly_affected": cast(JsonValue, sorted(each for each, away in affected.items() if away > 1)),
        "tests": cast(JsonValue, tests if asked.include_tests else []),
        "depth": max(reached.values(), default=0),
        "complete": len(beyond) == len(reached),
    }


def _known(codebase: Codebase, path: str) -> str:
    plain = path.removeprefix("./")
    if plain not in codebase.files:
        same = [each for each in codebase.files if PurePosixPath(each).name == PurePosixPath(plain).name]
        hint = f"; did you mean {same[0]}?" if same else ""
        raise CriteriaError(f"there is no file '{path}' in the codebase{hint}")
    return plain
