"""The rules of kill switches, without an actor or a disk."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import (
    InvalidSwitchError,
    Key,
    KillStateError,
    Level,
    NotTriggeredError,
    StepMark,
    Subject,
    Switch,
    arm,
    blocked,
    file_of_key,
    key_of,
    key_of_file,
    parse,
    serialise,
    trigger,
)

NODE: Key = (Level.NODE, "")


def switch(level: Level = Level.NODE, name: str = "", reason: str = "why") -> Switch:
    return Switch(level, name, reason, "ada", 12.5)


def valid_name(name: str) -> bool:
    try:
        key_of("pipeline", name)
    except InvalidSwitchError:
        return False
    return True


names = st.text(min_size=1, max_size=40).filter(valid_name)
switches = st.builds(
    Switch, st.sampled_from([Level.PIPELINE, Level.PROVIDER]), names, st.text(), st.text(), st.floats(0, 1e12)
) | st.builds(Switch, st.just(Level.NODE), st.just(""), st.text(), st.text(), st.floats(0, 1e12))


def test_nothing_is_blocked_when_nothing_is_triggered() -> None:
    assert blocked({}, "p", "anthropic") is None


def test_the_nodes_switch_blocks_everything() -> None:
    state = trigger({}, switch())
    assert blocked(state, None, None) == blocked(state, "p", "gemini") == switch()


def test_a_pipelines_switch_blocks_that_pipeline_only() -> None:
    state = trigger({}, switch(Level.PIPELINE, "digest"))
    assert blocked(state, "digest", None) is not None
    assert blocked(state, "other", "digest") is None


def test_a_providers_switch_blocks_calls_of_that_provider_only() -> None:
    state = trigger({}, switch(Level.PROVIDER, "gemini"))
    assert blocked(state, "p", "gemini") is not None
    assert blocked(state, "gemini", "anthropic") is None
    assert blocked(state, "p", None) is None


def test_the_widest_switch_is_the_reason_given() -> None:
    state = trigger(trigger({}, switch(Level.PROVIDER, "gemini")), switch())
    found = blocked(state, "p", "gemini")
    assert found is not None
    assert found.level is Level.NODE


def test_the_first_trigger_keeps_its_reason() -> None:
    state = trigger(trigger({}, switch(reason="first")), switch(reason="second"))
    assert state[NODE].reason == "first"


def test_arming_what_is_not_triggered_names_what_is() -> None:
    state = trigger({}, switch(Level.PIPELINE, "digest"))
    with pytest.raises(NotTriggeredError, match="node is not triggered; triggered are: pipeline digest"):
        arm(state, NODE)


def test_arming_lifts_one_switch_and_leaves_the_others() -> None:
    state = trigger(trigger({}, switch()), switch(Level.PIPELINE, "digest"))
    assert arm(state, NODE) == {(Level.PIPELINE, "digest"): switch(Level.PIPELINE, "digest")}


@pytest.mark.parametrize(
    ("level", "name", "told"),
    [
        ("galaxy", "", "expected one of node, tenant, evolution, pipeline, provider, step"),
        ("node", "x", "has no name"),
        ("pipeline", "", "expected 1 to 200"),
        ("provider", "../etc", "without slashes"),
        ("pipeline", "a\nb", "control characters"),
        ("pipeline", "half \udcff", "broken Unicode"),
        ("pipeline", "x" * 201, "expected 1 to 200"),
        ("evolution", "x", "has no name"),
        ("tenant", "", "expected 1 to 200"),
        ("step", "p/", "or PIPELINE/STEP"),
        ("step", "/s", "or PIPELINE/STEP"),
        ("step", "p/s/t", "or PIPELINE/STEP"),
    ],
)
def test_a_switch_that_cannot_be_is_refused_with_what_was_expected(level: str, name: str, told: str) -> None:
    with pytest.raises(InvalidSwitchError, match=told):
        key_of(level, name)


@given(st.lists(switches, max_size=8))
def test_a_saved_state_reads_back_as_it_was(listed: list[Switch]) -> None:
    state = {each.key: each for each in listed}
    assert parse(serialise(state)) == state


@given(switches)
def test_a_trigger_files_name_stands_for_its_switch(each: Switch) -> None:
    assert key_of_file(file_of_key(each.key)) == each.key


@pytest.mark.parametrize(
    "name", ["", "nod", "node.x", "pipeline", "pipeline.", "pipeline.\udcff", ".node", "provider.a/b"]
)
def test_other_file_names_stand_for_nothing(name: str) -> None:
    assert key_of_file(name) is None


@given(st.text() | st.binary())
def test_a_state_that_cannot_be_understood_is_an_error_and_nothing_else(text: str | bytes) -> None:
    with pytest.raises(KillStateError):
        parse(text)


GOOD = {"level": "node", "name": "", "reason": "r", "who": "w", "at": 1.0}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"version": 2, "triggered": []},
        {"version": 1},
        {"version": 1, "triggered": {}},
        {"version": 1, "triggered": ["node"]},
        {"version": 1, "triggered": [{**GOOD, "level": "galaxy"}]},
        {"version": 1, "triggered": [{**GOOD, "name": 7}]},
        {"version": 1, "triggered": [{**GOOD, "level": "pipeline"}]},
        {"version": 1, "triggered": [{key: value for key, value in GOOD.items() if key != "who"}]},
    ],
)
def test_a_state_with_a_wrong_part_is_refused_whole(document: object) -> None:
    with pytest.raises(KillStateError):
        parse(json.dumps(document))


def test_a_deeply_nested_state_is_refused_not_a_crash() -> None:
    with pytest.raises(KillStateError):
        parse("[" * 100_000)


def test_a_switch_says_what_it_is_by_whom_and_why() -> None:
    text = str(switch(Level.PROVIDER, "gemini", "too dear"))
    assert text == "kill switch provider gemini triggered by ada: too dear"
    assert "cannot be read" in str(kill_switch.unreadable("boom", 1.0))


WORK = Subject("ada", evolution=True, steps=(StepMark("inner", "ask", "claude"), StepMark("outer", "each", "for_loop")))


@pytest.mark.parametrize(
    ("level", "name"),
    [
        ("node", ""),
        ("tenant", "ada"),
        ("evolution", ""),
        ("pipeline", "p"),
        ("provider", "gemini"),
        ("step", "claude"),
        ("step", "inner/ask"),
        ("step", "for_loop"),
        ("step", "outer/each"),
    ],
)
def test_every_level_blocks_what_it_covers_and_nothing_else(level: str, name: str) -> None:
    key = key_of(level, name)
    state = trigger({}, switch(*key))
    assert blocked(state, "p", "gemini", WORK) == switch(*key)
    other = Subject("eve", steps=(StepMark("inner", "answer", "gemini"), StepMark("claude", "p", "wait")))
    assert (blocked(state, "q", "anthropic", other) is None) == (level != "node")
    assert key_of_file(file_of_key(key)) == key
    assert "/" not in file_of_key(key)


def test_the_widest_switch_is_the_one_that_is_told() -> None:
    state: dict[Key, Switch] = {}
    for level, name in [("step", "claude"), ("provider", "gemini"), ("pipeline", "p"), ("evolution", "")]:
        state = trigger(state, switch(*key_of(level, name)))
        told = blocked(state, "p", "gemini", WORK)
        assert told is not None
        assert told.key == key_of(level, name)
