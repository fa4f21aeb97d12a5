"""What a limit that is reached means: whom it ends, which of two holds, and that a child cannot allow itself more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.execution import Ancestry, LimitReachedError, ends, enter, out_of_time, resource_breach, tightest
from pipelines.language import Limits, PipelineStep, build_pipeline


def test_only_the_pipeline_whose_limit_it_is_ends_with_it() -> None:
    error = out_of_time(1, 1, ("p", "q"), "q").error("q/a", "claude")
    assert ends(error, "q/a")
    assert not ends(error, "q")
    assert not ends(error, "")


def test_the_tightest_of_two_limits_holds() -> None:
    one = Limits(max_steps=5, max_cost_usd=Decimal("0.1"))
    assert tightest(one, Limits(max_steps=3, max_tokens=7)) == Limits(
        max_steps=3, max_tokens=7, max_cost_usd=Decimal("0.1")
    )


@pytest.mark.parametrize(
    ("limits", "config"), [({"max_depth": 1}, {}), ({}, {"max_depth": 1}), ({"max_depth": 1}, {"max_depth": 10})]
)
def test_depth_is_inherited_a_child_cannot_allow_itself_more(limits: Any, config: Any) -> None:
    step: Any = {"name": "s", "type": "test_echo", "value": 1}
    inner: Any = {"name": "inner", "steps": [step]}
    deeper: Any = {"name": "d", "type": "pipeline", "pipeline": inner, "config": {"max_depth": 10}}
    middle: Any = {"name": "middle", "steps": [deeper]}
    outer: Any = {"name": "m", "type": "pipeline", "pipeline": middle, "config": config}
    pipeline = build_pipeline({"name": "outer", "limits": limits, "steps": [outer]})
    first = pipeline.steps[0]
    assert isinstance(first, PipelineStep) and first.pipeline is not None
    top = Ancestry(("outer",), ("x",), 0).bounded(pipeline.limits.max_depth)
    entered = enter(first, first.pipeline, top)
    second = first.pipeline.steps[0]
    assert isinstance(second, PipelineStep) and second.pipeline is not None
    with pytest.raises(LimitReachedError, match=r"Maximum nesting depth \(1\) exceeded: current depth is 2") as refused:
        enter(second, second.pipeline, entered)
    assert refused.value.facts["pipelines"] == ["outer", "middle", "inner"]


def test_a_limit_of_memory_or_time_may_be_reached_but_not_exceeded() -> None:
    assert resource_breach(memory_bytes=1024 * 1_048_576, memory_limit_mb=1024) is None
    said = resource_breach(memory_bytes=2_000_000_000, memory_limit_mb=1024, elapsed_s=400, timeout_s=300)
    assert said == "Memory limit exceeded: 1907.3 MB > 1024 MB"
    assert resource_breach(elapsed_s=300, timeout_s=300) is None
    assert resource_breach(elapsed_s=400, timeout_s=300) == "Execution timeout exceeded: 400.0s > 300s"
