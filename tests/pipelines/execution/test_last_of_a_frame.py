"""When a frame lacks the result of one step only: each reason for which it does not, alone."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.execution import Ancestry, Frame, FrameSpec
from pipelines.execution.graph import graph_of
from pipelines.language import Scope, load_pipeline

ERROR: dict[str, Any] = {"code": "x", "message": "it failed"}


def frame(*types: str, on_failure: Any = "finish") -> Frame:
    """A frame of steps a, b, c, ... that wait for nothing."""
    words = {"test_echo": "value: 1", "set_variable": "variables: {x: 1}", "switch": SWITCH}
    lines = [f"  - {{name: {name}, type: {kind}, {words[kind]}}}" for name, kind in zip("abcd", types, strict=False)]
    pipeline = load_pipeline("name: p\nsteps:\n" + "\n".join(lines))
    return Frame(FrameSpec("", graph_of(pipeline), Scope(), Ancestry(("p",), ("h",), 0), on_failure=on_failure))


SWITCH = "value: 1, cases: [{when: 1, steps: [{name: inner, type: test_echo, value: 1}]}]"


def test_the_step_that_is_left_when_all_others_are_done() -> None:
    made = frame("test_echo", "test_echo")
    assert not made.lacks_only("a")
    made.finish("b", {})
    assert made.lacks_only("a")
    made.finish("a", {})
    assert not made.lacks_only("a")


def test_only_the_one_that_is_left() -> None:
    made = frame("test_echo", "test_echo")
    made.finish("b", {})
    assert not made.lacks_only("b")


def test_a_single_step_from_the_beginning() -> None:
    assert frame("test_echo").lacks_only("a")


@pytest.mark.parametrize("on_failure", ["finish", "stop"])
def test_not_beside_one_that_has_failed(on_failure: Any) -> None:
    made = frame("test_echo", "test_echo", on_failure=on_failure)
    made.fail("b", ERROR)
    assert not made.lacks_only("a")


def test_not_after_an_earlier_error_although_no_result_but_its_own_is_missing() -> None:
    made = frame("test_echo", "test_echo")
    made.finish("b", {})
    made.fail("b", ERROR)  # a limit, say, that its result went beyond
    assert len(made.results) == 1
    assert not made.lacks_only("a")


def test_not_where_a_step_has_left_the_rest_undone() -> None:
    made = frame("test_echo", "switch")
    made.finish("b", {"left_by": "break"})
    assert made.left_by == "break"
    assert not made.lacks_only("a")


@pytest.mark.parametrize("kind", ["set_variable", "switch"])
def test_not_where_its_result_does_more_than_stand(kind: str) -> None:
    made = frame("test_echo", kind)
    made.finish("a", {})
    assert not made.lacks_only("b")
