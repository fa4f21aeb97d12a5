"""Scores, thresholds and patterns of progressive trust."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipelines.guardrails.trust import (
    TrustError,
    TrustGiven,
    TrustRecord,
    TrustRule,
    answers_for,
    check_rule,
    pattern_of,
    rule_for,
    trusted,
    wilson_lower,
)
from pipelines.guardrails.trust_state import TrustState, TrustStateError, parse, serialise

PATTERN = "release/ask@abc"
RULE = TrustRule("release", 0.95, "it is always the same", "ann", 50.0)


def after(answers: str) -> TrustRecord:
    record = TrustRecord()
    for at, answer in enumerate(answers):
        record = record.after(answer == "y", float(at))
    return record


def test_the_interval_is_wilsons() -> None:
    # The figures of Brown, Cai and DasGupta's formula, worked out apart with z = 1.96.
    assert wilson_lower(8, 10, 1.96) == pytest.approx(0.4901, abs=5e-4)  # pyright: ignore[reportUnknownMemberType]
    assert wilson_lower(10, 10, 1.96) == pytest.approx(10 / (10 + 1.96**2))  # pyright: ignore[reportUnknownMemberType]
    assert (wilson_lower(0, 0), wilson_lower(0, 10)) == (0.0, 0.0)


@given(some.integers(0, 500), some.integers(0, 500))
def test_a_score_is_below_the_share_and_grows_with_each_approval(approved: int, rejected: int) -> None:
    answers = approved + rejected
    score = wilson_lower(approved, answers)
    assert 0.0 <= score <= (approved / answers if answers else 0.0) + 1e-9
    assert wilson_lower(approved + 1, answers + 1) >= score - 1e-12


def test_few_answers_give_a_low_score_and_0_95_takes_52_of_them() -> None:
    assert [math.floor(after("y" * n).score * 100) / 100 for n in (1, 5, 20, 51, 52)] == [0.26, 0.64, 0.88, 0.94, 0.95]
    assert answers_for(0.95) == 52


@pytest.mark.parametrize("threshold", [0.8, 0.9, 0.95, 0.99, 0.999])
def test_as_many_approvals_as_are_said_reach_the_threshold_and_one_less_does_not(threshold: float) -> None:
    enough = answers_for(threshold)
    assert wilson_lower(enough, enough) >= threshold > wilson_lower(enough - 1, enough - 1)


def test_a_rejection_withdraws_trust_until_as_many_approvals_follow_and_weighs_on() -> None:
    assert after("y" * 500 + "n").score == 0.0
    assert after("y" * 500 + "n" + "y" * 51).score < 0.95
    assert after("y" * 500 + "n" + "y" * 52).score >= 0.95
    often = after("n" * 20 + "y" * 100)
    assert often.score < 0.95 < wilson_lower(100, 100)


def test_however_answers_come_no_score_forgives_a_rejection_before_its_time() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    record, since = TrustRecord(), 0
    for at in range(5_000):
        approved = chance.random() < 0.98
        record = record.after(approved, float(at))
        since = since + 1 if approved else 0
        assert record.score <= wilson_lower(since, since) + 1e-12
        if since < 52:
            assert record.score < 0.95


def test_without_a_persons_threshold_no_score_is_enough() -> None:
    record = after("y" * 1_000)
    assert trusted(PATTERN, 100.0, record, {}) is None
    found = trusted(PATTERN, 100.0, record, {"release": RULE})
    assert str(found) == "trust (score 0.99 of 1000)"
    assert trusted(PATTERN, 49.0, record, {"release": RULE}) is None  # asked before the threshold was set
    assert trusted(PATTERN, 100.0, after("y" * 51), {"release": RULE}) is None
    assert str(TrustGiven(0.9499, 51, RULE)) == "trust (score 0.94 of 51)"


def test_a_steps_rule_goes_before_its_pipelines_and_no_rule_reaches_another_name() -> None:
    own = TrustRule("release/ask", 0.99, "", "ann", 0.0)
    rules = {"release": RULE, "release/ask": own}
    assert rule_for(PATTERN, rules) is own
    assert rule_for("release/other@abc", rules) is RULE
    assert rule_for("release2/ask@abc", rules) is None


def test_a_pattern_is_one_step_of_one_content_and_loops_passes_are_one() -> None:
    one = pattern_of(("p",), ("a" * 64,), "each[0]/ask")
    assert one == pattern_of(("p",), ("a" * 64,), "each[17]/ask") == f"p/each/ask@{'a' * 32}"
    inner = [pattern_of(("p", "q"), ("a" * 64, content * 64), "in/ask") for content in "bc"]
    assert len({one, *inner}) == 3


@pytest.mark.parametrize(
    ("target", "threshold", "told"),
    [
        ("", 0.9, "neither PIPELINE nor PIPELINE/STEP"),
        ("p@abc", 0.9, "neither PIPELINE nor PIPELINE/STEP"),
        ("p", 0.5, "from 0.8 to 0.999"),
        ("p", 1.0, "from 0.8 to 0.999"),
        ("p", math.nan, "from 0.8 to 0.999"),
    ],
)
def test_a_threshold_that_cannot_be_is_told_with_what_can(target: str, threshold: float, told: str) -> None:
    with pytest.raises(TrustError, match=told):
        check_rule(target, threshold)


def test_the_state_comes_back_as_it_was() -> None:
    state = TrustState({PATTERN: after("yyny")}, {"release": RULE})
    assert parse(serialise(state)) == state
    assert parse(serialise(TrustState())) == TrustState()


def test_a_rejection_is_counted_once_however_often_it_is_told_and_none_from_before_the_history_was_cleared() -> None:
    record = TrustRecord(since=100.0)
    assert [record.lacks_rejection(at) for at in (99.0, 100.0, 101.0)] == [False, False, True]
    for at in range(101, 141):
        record = record.after(False, float(at))
    assert (record.rejections, len(record.refused_at)) == (40, 16)
    assert not any(record.lacks_rejection(float(at)) for at in range(90, 141))
    assert record.lacks_rejection(140.5)
    assert record.lacks_rejection(130.5)  # told of late


def test_what_was_written_before_the_times_were_kept_counts_all_until_its_last_answer() -> None:
    former = (
        '{"version": 1, "rules": [], "patterns": [{"pattern": "p", "approvals": 5, "rejections": 1, "streak": 2, '
        '"last_at": 50}]}'
    )
    record = parse(former).records["p"]
    assert (record.lacks_rejection(50.0), record.lacks_rejection(50.5)) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"version": 2, "rules": [], "patterns": []}',
        '{"version": 1, "rules": {}, "patterns": []}',
        '{"version": 1, "rules": [{"target": "p"}], "patterns": []}',
        '{"version": 1, "rules": [{"target": "p", "threshold": 0.1, "reason": "", "who": "", "at": 1}], '
        '"patterns": []}',
        '{"version": 1, "rules": [], "patterns": [{"pattern": "p", "approvals": 1, "rejections": 0, "streak": 2, '
        '"last_at": 1}]}',
        '{"version": 1, "rules": [], "patterns": [{"pattern": "p", "approvals": 1, "rejections": 0, "streak": 1, '
        '"last_at": NaN}]}',
        '{"version": 1, "rules": [], "patterns": [{"pattern": "p", "approvals": 1, "rejections": 0, "streak": 1, '
        '"last_at": 1, "refused_at": ["x"]}]}',
    ],
)
def test_a_state_that_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(TrustStateError):
        parse(text)
