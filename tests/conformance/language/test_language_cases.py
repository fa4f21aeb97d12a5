"""The shared cases (where they are) and the project's own (always) hold; the command tells what does not."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.language.__main__ import main
from tests.conformance.language.areas import AREAS, Area
from tests.conformance.language.cases import Case, load_cases
from tests.conformance.language.checking import check
from tests.conformance.language.known import KNOWN_MISSING

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("EVOPIPE_SHARED", ROOT.parent / "shared")) / "conformance" / "language.json"
OWN = [case for file in sorted((Path(__file__).parent / "cases").glob("*.json")) for case in load_cases(file)]
THEIRS = load_cases(SHARED) if SHARED.is_file() else []
needs_shared = pytest.mark.skipif(not THEIRS, reason="the shared conformance cases are not here (EVOPIPE_SHARED)")


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.id)
def test_an_own_case_holds(case: Case) -> None:
    assert (failure := check(case)) is None, str(failure)


@needs_shared
@pytest.mark.parametrize("case", THEIRS, ids=lambda case: case.id)
def test_a_shared_case_holds_unless_it_is_known_to_fail(case: Case) -> None:
    failure = check(case)
    if case.id in KNOWN_MISSING:
        assert failure is not None, f"{case.id} passes now: take it out of known.py"
    else:
        assert failure is None, str(failure)


@needs_shared
def test_every_known_failure_is_a_shared_case() -> None:
    assert KNOWN_MISSING.keys() <= {case.id for case in THEIRS}


def test_no_case_that_this_issue_owes_is_known_to_fail() -> None:
    assert not [name for name in KNOWN_MISSING if name.startswith(("condition/", "transform/", "preset/"))]


def cases_file(folder: Path, *cases: tuple[str, object, object]) -> str:
    path = folder / "cases.json"
    listed = [{"area": area, "name": "c", "input": given, "expected": expected} for area, given, expected in cases]
    path.write_text(json.dumps(listed), encoding="utf-8")
    return str(path)


def test_the_command_counts_what_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = cases_file(tmp_path, ("condition", {"condition": "a > 1", "results": {"a": 2}}, True))
    assert main([file, file]) == 0
    assert capsys.readouterr().out == "2 passed, 0 failed\n"


def test_the_command_shows_what_was_expected_and_what_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong_value = ("condition", {"condition": "a > 1", "results": {"a": 2}}, False)
    no_error = ("condition", {"condition": "true"}, {"error_contains": "x"})
    an_error = ("condition", {"condition": "a >"}, False)
    no_such_area = ("astrology", {"born": "August"}, "Leo")
    assert main([cases_file(tmp_path, wrong_value, no_error, an_error, no_such_area)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["FAILED condition/c", "  expected: false", "  got:      true"]
    assert lines[3:6] == ["FAILED condition/c #2", '  expected: {"error_contains": "x"}', "  got:      true"]
    assert lines[8].startswith("  got:      error: the condition ends too early")
    assert lines[11] == "  got:      no part of the product answers the area 'astrology'"
    assert lines[-1] == "0 passed, 4 failed"


def test_a_crash_of_the_product_is_a_failure_even_where_an_error_is_expected(tmp_path: Path) -> None:
    file = cases_file(tmp_path, ("transform", {"data": [], "operations": 7}, {"error_contains": "int"}))
    (case,) = load_cases(Path(file))
    assert "crash: TypeError" in str(check(case))


def test_an_expected_error_must_be_the_one_that_comes(tmp_path: Path) -> None:
    strict = {"template": "{{ gone }}", "unresolved_names": "error"}
    file = cases_file(
        tmp_path,
        ("template_typed", strict, {"error_contains": "'gone' is not there"}),
        ("template_typed", strict, {"error_contains": "something else"}),
    )
    first, second = load_cases(Path(file))
    assert check(first) is None
    assert check(second) is not None


def test_a_case_of_another_form_fails_and_the_others_are_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"area": "condition", "name": "c", "input": {"condition": "true"}, "expected": True}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([1, None, [], {}, {**good, "input": 7}, {"area": "condition", "name": "x"}, good]))
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(each.startswith("FAILED") for each in lines) == 6
    assert "  got:      malformed: the case's input is no map" in lines
    assert "  got:      malformed: the case lacks input and expected" in lines
    assert lines[-1] == "1 passed, 6 failed"


def test_a_case_that_hangs_or_ends_its_process_fails_and_the_others_are_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(_: dict[str, Any]) -> None:
        threading.Event().wait()

    def dies(_: dict[str, Any]) -> None:
        os._exit(3)

    monkeypatch.setattr("tests.conformance.language.checking.AREAS", {**AREAS, "mud": Area(hangs), "cliff": Area(dies)})
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    good = ("condition", {"condition": "true"}, True)
    assert main([cases_file(tmp_path, ("mud", {}, 1), good, ("cliff", {}, 1), good)], deadline_s=0.5) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "  got:      nothing within 0.5 s"
    assert lines[5] == "  got:      the process that judged it died (EOFError)"
    assert lines[-1] == "2 passed, 2 failed"


def test_huge_and_odd_values_cost_their_own_case_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cases.json"
    good = '{"area": "condition", "name": "c", "input": {"condition": "true"}, "expected": true}'
    odd = [
        '{"area": "condition", "name": "n", "input": {"condition": "a > 1", "results": {"a": 9}}, "expected": 1}',
        '{"area": "transform", "name": "\\ud800", "input": {"data": "%s"}, "expected": 1}' % ("x" * 100_000),
        '{"area": ["condition"], "name": {}, "input": {}, "expected": NaN}',
        '{"area": "condition", "name": "d", "input": {"condition": %s}, "expected": 1}' % ("[" * 200 + "]" * 200),
        '{"area": "execute", "name": "e", "input": {"workflow": 7}, "expected": {}}',
    ]
    odd[0] = odd[0].replace(": 9}}", ": " + "9" * 9_000 + "}}")
    path.write_text(f"[{', '.join([*odd, good])}]", encoding="utf-8")
    assert main([str(path)]) == 1
    out = capsys.readouterr().out
    assert out.endswith("1 passed, 5 failed\n")
    assert max(map(len, out.splitlines())) < 11_000


def test_a_file_that_is_not_there_is_told_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gone.json")]) == 2
    assert "gone.json: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", "7", "[{'a': 1}]"])
def test_a_file_of_another_form_is_told_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    assert main([str(path)]) == 2
    assert "odd.json" in capsys.readouterr().err


def test_without_a_file_the_command_tells_its_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "FILE" in capsys.readouterr().err
