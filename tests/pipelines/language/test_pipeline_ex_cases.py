"""What pipeline_ex (MIT) asserts or was seen to do with names, templates, conditions and outputs holds here too.

The departures are listed with their reason: they are decisions, not gaps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.language import (
    LanguageError,
    OutputPath,
    Scope,
    TemplateError,
    evaluate,
    load_pipeline,
    render,
    render_text,
    select_outputs,
)

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "pipeline_ex_cases.json").read_text())
STRICT = "an unresolved name is an error, never empty text, zero or its own text"
DEPARTURES = {
    "missing variable is empty": STRICT,
    "missing in arithmetic is 0": STRICT,
    "unknown function echoes": STRICT,
    "unknown step kept verbatim": STRICT,
    "unknown step kept verbatim (typed)": STRICT,
    "unknown input kept verbatim (typed)": STRICT,
    "unknown global var kept verbatim": STRICT,
    "unresolved kept verbatim": STRICT,
    "hyphenated name": STRICT,
}


def scope_of(given: dict[str, Any]) -> Scope:
    variables: dict[str, Any] = {}
    for kind in ("global", "session", "loop"):
        variables |= given.get("variables", {}).get(kind, {})
    return Scope(
        inputs=given.get("inputs", {}),
        steps=given.get("results", {}),
        global_vars=given.get("global_vars", {}),
        state=variables,
        now_s=1_700_000_000,
    )


def answer(case: dict[str, Any]) -> Any:
    given = case["input"]
    scope = scope_of(given)
    match case["area"]:
        case "condition":
            return evaluate(given["condition"], scope)
        case "template_typed":
            return render(given["template"], scope)
        case "template_string":
            return render_text(given["template"], scope)
        case "nested_input":
            return render(given["value"], scope)
        case "nested_outputs":
            outputs = given["outputs"]
            return select_outputs(
                None
                if outputs is None
                else tuple(each if isinstance(each, str) else OutputPath.model_validate(each) for each in outputs),
                scope,
            )
        case _:
            text = json.dumps({"name": "x", "steps": [{"name": "s", "type": "claude", "prompt": given["parts"]}]})
            # The part names a step of another file's run, so only the prompt it becomes is taken from here.
            text = text.replace('"steps": [', '"steps": [{"name": "a", "type": "test_echo"}, ', 1)
            return render_text(load_pipeline(text).model_dump()["steps"][1]["prompt"], scope)


def expected_error(expected: Any) -> str:
    match expected:
        case {"error_contains": str(text)}:
            return text
        case _:
            return ""


@pytest.mark.parametrize("case", CASES, ids=[f"{each['area']}: {each['name']}" for each in CASES])
def test_a_case_of_pipeline_ex_holds(case: dict[str, Any]) -> None:
    expected = case["expected"]
    message = expected_error(expected)
    if case["name"] in DEPARTURES:
        with pytest.raises(TemplateError):
            answer(case)
    elif message:
        with pytest.raises(LanguageError) as caught:
            answer(case)
        assert message in str(caught.value)
    else:
        value = answer(case)
        assert value == expected and type(value) is type(expected)


def test_every_departure_is_still_a_case() -> None:
    assert DEPARTURES.keys() <= {case["name"] for case in CASES}
