"""Guardrail phases: which rules apply at which level, who may run what, and what is said after a run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipelines.guardrails.classes import class_of, tier_of
from pipelines.guardrails.phases import Level, Resources, before, error_rate, maturity_of, may_run
from pipelines.guardrails.review import Ending, review
from pipelines.language import Limits, Pipeline, load_pipeline

ALL_PRE: Any = frozenset(
    {"verify_provider_availability", "estimate_resource_requirements", "validate_security_constraints"}
)
ALL_RUNTIME: Any = frozenset(
    {"token_usage_tracking", "execution_time_limits", "error_rate_monitoring", "cost_accumulation_alerts"}
)
ALL_POST: Any = frozenset(
    {"output_quality_assessment", "performance_metrics_collection", "cost_analysis_and_optimization"}
)
STRICT = Level(
    "experimental",
    "developers_only",
    ALL_PRE,
    ALL_RUNTIME,
    ALL_POST,
    max_tokens=1000,
    max_cost_usd=Decimal(2),
    max_seconds=60,
    max_error_rate=0.5,
    min_steps=4,
    forbidden_types=frozenset({"pipeline_deployer"}),
)


def pipeline(head: str = "", steps: str = "  - {name: a, type: claude, prompt: hi}\n") -> Pipeline:
    return load_pipeline(f"name: p\n{head}steps:\n{steps}")


def test_a_pipeline_is_of_the_level_it_declares_else_of_where_it_came_from() -> None:
    assert maturity_of(pipeline("maturity: beta\n"), "evolution") == "beta"
    assert maturity_of(pipeline(), "evolution") == "experimental"
    assert maturity_of(pipeline(), "user") == "production"


def test_a_pipeline_is_no_more_mature_than_one_that_it_holds() -> None:
    inner = "{name: inner, maturity: LEVEL, steps: [{name: x, type: test_echo, value: 1}]}"
    nested = "  - {name: n, type: pipeline, pipeline: " + inner + "}\n"
    for level, whole in (("experimental", "experimental"), ("beta", "beta"), ("production", "beta")):
        assert maturity_of(pipeline("maturity: beta\n", nested.replace("LEVEL", level)), "user") == whole
    deep = "  - {name: m, type: pipeline, pipeline: {name: middle, steps: [STEP]}}\n"
    deep = deep.replace("STEP", nested.strip()[2:].replace("LEVEL", "experimental"))
    assert maturity_of(pipeline(steps=deep), "user") == "experimental"


@pytest.mark.parametrize(
    ("access", "user", "groups", "allowed"),
    [
        ("developers_only", "dev", (), True),
        ("developers_only", "tess", (), False),
        ("trusted_users", "tess", (), True),
        ("trusted_users", "dev", (), True),
        ("trusted_users", "eve", ("qa",), True),
        ("trusted_users", "eve", ("users",), False),
        ("all_users", "eve", (), True),
    ],
)
def test_who_may_run_a_level_is_said_by_users_and_groups(
    access: Any, user: str, groups: tuple[str, ...], allowed: bool
) -> None:
    people: Any = {"developers_only": ["dev"], "trusted_users": ["tess", "@qa"]}
    found = may_run(Level("beta", access), user, groups, people)
    assert (found is None) == allowed
    if found is not None:
        assert (found.phase, found.rule, found.level) == ("pre_execution", "user_access", "beta")
        assert user in found.text


def test_every_finding_before_a_run_names_its_rule_and_rules_not_listed_find_nothing() -> None:
    risky = pipeline(
        "workspace_dir: ../elsewhere\n",
        "  - {name: a, type: gemini, prompt: hi}\n"
        "  - {name: b, type: pipeline_deployer, pipeline: {name: q, steps: [{name: x, type: test_echo, value: 1}]}}\n",
    )
    needs = Resources(1500, Decimal(3), ("a (odd)",), {"day": 1200}, {"tenant/ada": Decimal(1)})
    found = before(STRICT, risky, {"a": "gemini"}, {"gemini": "it has no key"}, needs)
    assert [each.rule for each in found] == (
        ["validate_security_constraints"] * 2
        + ["verify_provider_availability"]
        + ["estimate_resource_requirements"] * 5
    )
    assert before(Level("production"), risky, {"a": "gemini"}, {"gemini": "it has no key"}, needs) == ()


def test_the_limits_of_a_level_narrow_those_of_the_pipeline_where_their_rule_is_listed() -> None:
    own = Limits(max_tokens=500, max_seconds=600)
    assert STRICT.limits(own) == Limits(max_tokens=500, max_seconds=60, max_cost_usd=Decimal(2))
    assert Level("beta", max_tokens=1).limits(own) == own


def test_too_many_failed_steps_end_a_run_once_there_are_enough_of_them() -> None:
    assert error_rate(STRICT, 3, 3) is None
    assert error_rate(STRICT, 4, 2) is None
    found = error_rate(STRICT, 4, 3)
    assert found is not None
    assert (found.phase, found.rule) == ("runtime_monitoring", "error_rate_monitoring")
    assert error_rate(Level("beta", max_error_rate=0.1), 9, 9) is None


def test_the_review_tells_quality_speed_and_where_the_money_went() -> None:
    ending = Ending(
        counts={"succeeded": 2, "recovered": 1, "skipped": 1},
        statuses={"a": "succeeded", "b": "recovered"},
        slowest=(("b", 2.0), ("a", 1.0)),
        results={"a": {"cost_usd": "0.30", "usage": {}}, "b": {"cost_usd": "0.10", "usage": {}}, "c": {"usage": {}}},
        outputs={"x": "", "y": 1},
        duration_s=4.0,
        tokens=200,
        cost_usd="0.40",
        retries=3,
    )
    said: Any = review(STRICT, ending)
    assert said["quality"] == {
        "steps": {"recovered": 1, "skipped": 1, "succeeded": 2},
        "score": 0.6667,
        "empty_outputs": ["x"],
    }
    assert (said["metrics"]["tokens_per_s"], said["metrics"]["slowest"][0]) == (50.0, {"step": "b", "seconds": 2.0})
    assert said["cost"]["dearest"][0] == {"step": "a", "usd": "0.30", "share": 0.75}
    assert said["cost"]["usd_of_steps_that_failed_by_themselves"] == "0.10"
    assert said["cost"]["unpriced_steps"] == ["c"]
    assert review(Level("beta"), ending) == {"level": "beta"}


def test_tier_and_step_class_are_declared_or_follow_from_the_steps() -> None:
    assert tier_of(pipeline()) == "simple"
    loop = "  - {name: l, type: for_loop, data_source: '{{ items }}', steps: [{name: a, type: test_echo, value: 1}]}\n"
    assert tier_of(pipeline(steps=loop)) == "complex"
    assert tier_of(pipeline("tier: meta\n")) == "meta"
    many = "".join(f"  - {{name: s{n}, type: test_echo, value: 1}}\n" for n in range(11))
    assert tier_of(pipeline(steps=many)) == "complex"
    steps = pipeline(
        steps="  - {name: a, type: claude, prompt: hi, budget_class: validation}\n"
        "  - {name: b, type: claude, prompt: hi}\n"
        "  - {name: c, type: claude_extract, prompt: hi}\n"
    ).steps
    assert [class_of(step) for step in steps] == ["validation", "generation", "analysis"]
