"""`finally`, `limits` and the failure policies as they are read, checked and written again."""

from __future__ import annotations

import pytest

from pipelines.language import InvalidPipelineError, Limits, Pipeline, load_pipeline, to_yaml

TEXT = """
name: p
on_error: continue
on_failure: finish
limits: {max_cost_usd: 0.1, max_steps: 3}
steps:
  - {name: a, type: test_echo, value: 1, on_error: fallback}
  - {name: b, type: test_echo, value: "{{ steps.a }}", on_error: fail}
  - {name: c, type: test_echo, value: 1, on_error: fail, retry: {max_attempts: 3}}
  - {name: d, type: test_echo, value: 1}
finally:
  - {name: y, type: test_echo, value: "{{ steps.a }} {{ workflow.status }}"}
  - {name: z, type: test_echo, value: "{{ steps.y }}"}
"""


def read() -> Pipeline:
    return load_pipeline(TEXT)


def test_the_pipelines_policy_is_that_of_steps_that_do_not_say() -> None:
    assert [step.on_error for step in read().all_steps] == [
        "fallback", "fail", "fail", "continue", "continue", "continue",
    ]  # fmt: skip


def test_fail_has_one_attempt_unless_the_step_says_how_many() -> None:
    assert [step.retry.max_attempts for step in read().steps] == [3, 1, 3, 3]


def test_what_is_written_again_means_the_same() -> None:
    again = load_pipeline(to_yaml(read()))
    assert again == read()
    assert again.content_hash == read().content_hash
    assert str(again.limits.max_cost_usd) == "0.1"
    assert again.limits != Limits()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"{{ steps.a }}", on',
            '"{{ steps.z }}", on',
            "the step 'z' runs in `finally`, when everything else has ended",
        ),
        ("value: 1}\nfinally", "value: 1, depends_on: [z]}\nfinally", "the step 'z' runs in `finally`"),
        ("name: y", "name: a", "duplicate step name 'a'"),
        ("{{ steps.y }}", "{{ steps.nope }}", "there is no step 'nope'"),
        ("max_steps: 3", "max_stepps: 3", "max_stepps"),
        ("max_steps: 3", "max_steps: 0", "max_steps"),
        ("on_error: continue\n", "on_error: explode\n", "explode"),
    ],
)
def test_mistakes_are_found_when_the_file_is_read(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidPipelineError) as refused:
        load_pipeline(TEXT.replace(old, new, 1))
    assert said in str(refused.value)


def test_skip_means_continue_in_the_dialect_of_pipeline_ex_only() -> None:
    step = "{name: a, type: test_echo, value: 1, on_error: skip}"
    assert load_pipeline(f"name: p\nsteps: [{step}]\n").steps[0].on_error == "skip"
    assert load_pipeline(f"workflow:\n  name: p\n  steps: [{step}]\n").steps[0].on_error == "continue"
