"""`migrate` brings the short forms of the mission's documents into canonical form, and loses no comment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from pipelines.formatting import format_text, migrate
from pipelines.language import load_pipeline

DOCUMENTS = sorted((Path(__file__).parents[1] / "meta" / "documents").glob("*.yaml"))
COMMENTED = """\
name: x
steps:
  # the batch
  - name: b
    type: claude_batch
    # before prompts
    prompts:
      # first
      - "A # is no comment"  # why A
      - "B"
      # after B

  # the next
  - name: p
    type: parallel_claude
    tasks:   # some tasks
      - go_fast  # fast
      # then
      - slow:
          prompt: "x"  # end

  - name: e
    type: pipeline_executor
    config:  # limits
      # the pipeline
      pipeline: "{{ y }}"  # behind it
      max_depth: 2
      test_suite: a  # the suite

  # last
  - {name: t, type: test_echo}  # flow
"""


def steps_of(text: str) -> list[dict[str, Any]]:
    return cast("dict[str, Any]", yaml.safe_load(migrate(text).text))["steps"]


def comments_of(text: str) -> list[str]:
    return sorted(re.findall(r"# (?:the batch|before prompts|first|why A|after B|the next|some tasks|fast|then|end|"
                             r"limits|the pipeline|behind it|the suite|last|flow)$", text, re.MULTILINE))  # fmt: skip


def test_short_forms_become_the_keys_of_the_language() -> None:
    batch, parallel, executor, _ = steps_of(COMMENTED)
    assert batch["tasks"] == [{"id": "task_0", "prompt": "A # is no comment"}, {"id": "task_1", "prompt": "B"}]
    assert parallel["parallel_tasks"] == [{"id": "go_fast", "prompt": "go fast"}, {"id": "slow", "prompt": "x"}]
    assert (executor["pipeline"], executor["inputs"]) == ("{{ y }}", {"test_suite": "a"})
    assert executor["config"] == {"max_depth": 2}


def test_every_comment_stays_beside_its_key_or_above_its_step() -> None:
    done = migrate(COMMENTED)
    assert comments_of(done.text) == comments_of(COMMENTED)
    assert len(comments_of(COMMENTED)) == 16
    assert done.text.index("# why A") < done.text.index("name: b") < done.text.index("# fast")
    assert done.text.index("# fast") < done.text.index("name: p") < done.text.index("# the suite")
    assert migrate(done.text).changes == ()
    assert format_text(done.text) == done.text


@pytest.mark.parametrize(
    ("step", "canonical"),
    [
        (
            "{name: a, type: claude_batch, files: '*', batch_size: 2, max_parallel: 9}",
            {"batch_config": {"batch_size": 2, "max_parallel": 9}},
        ),
        (
            "{name: a, type: claude_batch, tasks: [x, {task_id: q, prompt: y}], batch_config: {batch_size: 1},"
            " max_parallel: 2}",
            {
                "tasks": [{"id": "task_0", "prompt": "x"}, {"id": "q", "prompt": "y"}],
                "batch_config": {"batch_size": 1, "max_parallel": 2},
            },
        ),
        (
            "{name: a, type: pipeline_deployer, config: {pipeline: x, deployment_strategy: immediate}}",
            {"pipeline": "x", "deployment_strategy": "immediate"},
        ),
        (
            "{name: a, type: parallel_pipeline_executor, inputs: {x: 1}, config: {pipelines: [], test_data: 2}}",
            {"pipelines": [], "inputs": {"test_data": 2, "x": 1}},
        ),
    ],
)
def test_settings_go_where_they_belong(step: str, canonical: dict[str, Any]) -> None:
    (made,) = steps_of(f"name: x\nsteps:\n  - {step}\n")
    assert {key: value for key, value in made.items() if key not in {"name", "type", "files"}} == canonical


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_no_short_form_of_the_documents_is_left(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    text = f"name: {file.stem}\nsteps:\n{text}" if text.startswith("- ") else text
    done = migrate(text)
    assert load_pipeline(done.text).content_hash == load_pipeline(text).content_hash
    short = {"prompts", "max_parallel", "batch_size"}
    for step in steps_of(text):
        assert not short & step.keys()
        assert step["type"] == "claude_batch" or "tasks" not in step
        assert not {"pipeline", "pipelines", "test_data", "test_suite"} & (step.get("config") or {}).keys()
