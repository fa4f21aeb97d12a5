"""The shipped pipelines, damaged at random: either they still hold, or every finding has its place. Never a crash."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any, cast

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.language import Pipeline, load_pipeline, to_yaml
from tests.pipelines.language.fuzzing import fuzzed, loaded

ROOT = Path(__file__).resolve().parents[3] / "pipelines"
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(ROOT.rglob("*.yaml"))}

SCALARS = (
    None, True, False, 0, -1, 10**30, 1.5, "", " ", "a b", "steps", "{{steps.x.result}}", "{{", "}}", "{% if",
    "on", "~",
    "previous_response:x", "claude", "for_loop", "../..", "\u2028", "é", "x" * 2000,
)  # fmt: skip
SHAPES: tuple[Any, ...] = ([], {}, [[]], [{}], {"name": "x"}, [None], {"type": "switch"}, [{"type": "file"}])
CHARACTERS = "{}[]&*!|>'\"%@`#,:-?\t \n\r\0\x7f\x85\u2028\ufeff<~=\\"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(cast("dict[Any, Any]", value).items())
    elif isinstance(value, list):
        children = list(enumerate(cast("list[Any]", value)))
    return [path] + [found for key, child in children for found in places(child, (*path, key))]


def damaged(value: Any, rng: random.Random) -> Any:
    """`value` with one place removed, replaced, renamed, wrapped, doubled or swapped for another place's value."""
    inside = [path for path in places(value) if path]
    if not inside:
        return value
    path = rng.choice(inside)
    key: Any = path[-1]
    holder: Any = value
    for part in path[:-1]:
        holder = holder[part]
    is_map = hasattr(holder, "keys")
    match rng.randrange(7):
        case 0:
            del holder[key]
        case 1:
            holder[key] = rng.choice(SCALARS)
        case 2:
            holder[key] = copy.deepcopy(rng.choice(SHAPES))
        case 3:
            holder[key] = [holder[key]] if rng.random() < 0.5 else {"x": holder[key]}
        case 4 if is_map:
            holder[rng.choice([f"{key}x", "name", "type", "steps", "prompt", "<<", 7, None])] = holder.pop(key)
        case 5 if not is_map:
            holder.insert(key, holder[key])
        case _:
            other = value
            for part in rng.choice(places(value)):
                other = other[part]
            holder[key] = yaml.safe_load(yaml.safe_dump(other))
    return value


def scratched(text: str, rng: random.Random) -> str:
    """`text` with lines moved, lost, doubled or indented, characters put in or lost, or its end missing."""
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines[at], lines[other] = lines[other], lines[at]
        case 2:
            lines.insert(other, lines[at])
        case 3:
            lines[at] = " " * rng.randrange(1, 5) + lines[at]
        case 4:
            lines[at] = lines[at].removeprefix("  ")
        case 5:
            return text[: rng.randrange(len(text) + 1)]
        case 6:
            place = rng.randrange(len(text) + 1)
            return text[:place] + text[place + rng.randrange(1, 20) :]
        case _:
            place = rng.randrange(len(text) + 1)
            return text[:place] + rng.choice(CHARACTERS) * rng.choice((1, 1, 2, 40)) + text[place:]
    return "\n".join(lines)


def assert_reads_back(pipeline: Pipeline) -> None:
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash


def test_the_shipped_pipelines_hold_and_read_back() -> None:
    assert len(TEXTS) >= 20
    for text in TEXTS.values():
        pipeline = loaded(text)
        assert isinstance(pipeline, Pipeline)
        assert_reads_back(pipeline)


@fuzzed
@given(st.sampled_from(sorted(TEXTS)), st.randoms(use_true_random=False))
def test_a_definition_with_a_changed_structure_holds_or_says_where_not(name: str, rng: random.Random) -> None:
    value: Any = yaml.safe_load(TEXTS[name])
    for _ in range(rng.randrange(1, 4)):
        value = damaged(value, rng)
    found = loaded(yaml.safe_dump(value, sort_keys=False, allow_unicode=rng.random() < 0.5))
    if isinstance(found, Pipeline):
        assert_reads_back(found)


@fuzzed
@given(st.sampled_from(sorted(TEXTS)), st.randoms(use_true_random=False))
def test_a_definition_with_a_changed_text_holds_or_says_where_not(name: str, rng: random.Random) -> None:
    text = TEXTS[name]
    for _ in range(rng.randrange(1, 4)):
        text = scratched(text, rng)
    loaded(text)


@fuzzed
@given(st.sampled_from(sorted(TEXTS)), st.randoms(use_true_random=False))
def test_a_definition_with_changed_bytes_holds_or_says_where_not(name: str, rng: random.Random) -> None:
    content = bytearray(TEXTS[name].encode())
    for _ in range(rng.randrange(1, 4)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    loaded(bytes(content))


@fuzzed
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_and_any_bytes_hold_or_say_where_not(text: str | bytes) -> None:
    loaded(text)


@fuzzed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from(("prompt", "condition", "type", "retry", "on_error", "depends_on", "timeout_s", "steps", "cases")),
    st.sampled_from(("claude", "gemini", "switch", "for_loop", "pipeline", "parallel_claude", "claude_batch")),
)
def test_any_value_under_any_key_of_a_step_holds_or_says_where_not(value: Any, key: str, kind: str) -> None:
    step = {"name": "a", "type": kind, "prompt": "x", key: value}
    loaded(yaml.safe_dump({"name": "x", "steps": [step]}, allow_unicode=True))
