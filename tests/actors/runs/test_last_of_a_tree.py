"""Whether the run ends with a step's result: each reason for which it does not, alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.runs.consequences import Start
from actors.runs.frames import FrameTree
from pipelines.execution import Ancestry, Frame, FrameSpec, LoopRun, frame_of
from pipelines.language import ForLoopStep, Scope, load_pipeline

TWO = "name: p\nsteps: [{name: a, type: test_echo, value: 1}, {name: b, type: test_echo, value: 2}]\n"
LINE = "name: p\nsteps: [{name: a, type: test_echo, value: 1}, {name: b, type: test_echo, value: '{{ steps.a }}'}]\n"
ENDS = TWO + "finally: [{name: tidy, type: test_echo, value: 3}]\n"
LOOP = """
name: p
steps:
  - {name: each, type: for_loop, data_source: "{{ [1] }}", steps: [{name: say, type: test_echo, value: 1}]}
"""


def spec_of(text: str) -> FrameSpec:
    pipeline = load_pipeline(text)
    return frame_of(pipeline, "", Scope(), Ancestry((pipeline.name,), (pipeline.content_hash,), 0))


def begun(text: str) -> tuple[FrameTree, dict[str, Start]]:
    """A tree, and the places of the steps that it has begun with."""
    tree = FrameTree.of(spec_of(text))
    started: Sequence[Any] = list(tree.begin())
    return tree, {each.key: each for each in started}


def then(tree: FrameTree, key: str) -> list[Any]:
    return list(tree.done(key, {}))


def test_the_one_that_is_left() -> None:
    tree, places = begun(TWO)
    assert not tree.is_last(places["b"])
    then(tree, "a")
    assert tree.is_last(places["b"])


def test_not_while_others_wait_for_it() -> None:
    tree, places = begun(LINE)
    assert not tree.is_last(places["a"])
    (last,) = then(tree, "a")
    assert tree.is_last(last)


def test_not_while_another_place_has_no_result() -> None:
    tree, places = begun(TWO)
    then(tree, "a")
    elsewhere = Start(Frame(spec_of(TWO), owner="x", parent=tree.root), "a", "x/a")
    tree.places["x/a"] = elsewhere
    assert not tree.is_last(places["b"])
    del tree.places["x/a"]
    assert tree.is_last(places["b"])


def test_not_one_of_another_frame() -> None:
    tree, places = begun(TWO)
    then(tree, "a")
    other = Frame(spec_of(TWO), owner="x", parent=tree.root)
    other.finish("a", {})
    assert tree.is_last(places["b"])
    assert not tree.is_last(Start(other, "b", "x/b"))


def test_not_before_steps_of_finally() -> None:
    tree, places = begun(ENDS)
    then(tree, "a")
    assert not tree.is_last(places["b"])


def test_not_while_it_consists_of_steps() -> None:
    tree, places = begun(LOOP)
    assert tree.is_last(places["each"])
    step = places["each"].step
    assert isinstance(step, ForLoopStep)
    spec = tree.root.spec
    (inner,) = list(tree.opened("each", LoopRun("each", step, [1], spec.scope, spec.ancestry)))
    assert isinstance(inner, Start)
    assert not tree.is_last(places["each"])
    assert not tree.is_last(inner)
    then(tree, inner.key)
    assert list(tree.places) == ["each"]
    assert not tree.is_last(places["each"])


def test_not_while_the_run_is_ending() -> None:
    tree = FrameTree.of(spec_of(TWO))
    tree.restore_ending(None, {"a": ("succeeded", {})})
    left = Start(tree.root, "b", "b")
    tree.places["b"] = left
    assert tree.ending
    assert not tree.is_last(left)
