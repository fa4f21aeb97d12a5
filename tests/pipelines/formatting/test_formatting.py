"""`fmt` changes blanks only; `migrate` changes the words and never the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.formatting import format_text, migrate
from pipelines.language import InvalidPipelineError, load_pipeline, read_yaml

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted((ROOT / "pipelines").rglob("*.yaml"))

OLD = """\
# top
workflow:   # why
    name: x
    # about the steps
    steps:
    - name: a   # first
      type: claude
      prompt:
      - {type: static, content: "hi"}
      timeout_seconds: 5
      continue_on_error: true
      # end of a

    - name: b
      type: claude
      depends_on: a
      prompt: |
        x
          y
      retry: 2
"""


def test_formatting_keeps_comments_quotes_and_block_texts() -> None:
    text = (
        "name: x   # why\nsteps:\n# first\n- {name: a,  type: claude, prompt: 'hi'}\n"
        "- name: b\n  type: claude\n  prompt: |\n     x\n       y\n"
    )
    assert format_text(text) == (
        "name: x   # why\nsteps:\n# first\n  - {name: a, type: claude, prompt: 'hi'}\n"
        "  - name: b\n    type: claude\n    prompt: |\n      x\n        y\n"
    )


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_formatting_twice_is_formatting_once_and_means_the_same(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    once = format_text(text)
    assert format_text(once) == once
    assert read_yaml(once, "x").value == read_yaml(text, "x").value


def test_line_ends_and_a_byte_order_mark_become_plain() -> None:
    assert format_text("\ufeffname: x\r\nsteps: []\r\n".encode()) == "name: x\nsteps: []\n"


@pytest.mark.parametrize("value", ["on", "no", "0o17", "010", "1e3", "12:30:00", "2026-01-01", "'yes'", "1_000"])
def test_values_that_yaml_versions_read_differently_stay_as_they_are(value: str) -> None:
    text = f"name: x\nglobal_vars:\n  a: {value}\n"
    assert format_text(text) == text


def test_a_text_with_a_key_given_twice_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidPipelineError, match="given twice"):
        format_text("name: x\nname: y\n")


def test_migrating_gives_the_canonical_form_with_comments_and_says_what_changed() -> None:
    done = migrate(OLD)
    assert done.text.startswith("# top\n# why\nname: x\n# about the steps\n")
    assert "  - name: a   # first\n    type: claude\n" in done.text
    assert "    timeout_s: 5\n    on_error: continue\n    # end of a\n" in done.text
    assert "workflow" not in done.text
    assert done.changes[1:5] == (
        "steps[0] 'a': `timeout_s` instead of `timeout_seconds`",
        "steps[0] 'a': `on_error: continue` instead of `continue_on_error: true`",
        "steps[1] 'b': `retry` is a map with `max_attempts`",
        "steps[1] 'b': `depends_on` is a list",
    )
    assert load_pipeline(done.text).content_hash == load_pipeline(OLD).content_hash


def test_migrating_again_changes_nothing() -> None:
    done = migrate(migrate(OLD).text)
    assert done.changes == ()


def test_keys_that_the_old_dialect_ignores_are_removed_and_named() -> None:
    done = migrate(OLD.replace("      retry: 2\n", "      retry: 2\n      colour: red\n"))
    assert "steps[1].colour: removed; nothing reads it" in done.changes
    assert "colour" not in done.text


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_migrating_a_shipped_pipeline_never_changes_what_it_is(file: Path) -> None:
    text = file.read_bytes()
    assert load_pipeline(migrate(text).text).content_hash == load_pipeline(text).content_hash
