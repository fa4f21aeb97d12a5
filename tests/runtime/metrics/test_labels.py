"""Label values stay within bounds."""

from __future__ import annotations

from runtime.metrics.labels import BoundedLabel, one_of


def test_values_past_the_limit_are_other_and_known_ones_keep_their_name() -> None:
    label = BoundedLabel(2)
    assert [label(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_a_missing_value_is_unknown() -> None:
    assert BoundedLabel(2)(None) == BoundedLabel(2)("") == "unknown"
    assert one_of(None, {"ok"}) == "unknown"


def test_a_long_or_broken_value_is_cut_and_mended() -> None:
    label = BoundedLabel(5)
    assert len(label("x" * 1_000)) == 100
    label("half \ud83d").encode()


def test_a_value_outside_a_closed_set_is_other() -> None:
    assert one_of("ok", {"ok"}) == "ok"
    assert one_of("weird", {"ok"}) == "other"
