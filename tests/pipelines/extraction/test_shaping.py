"""Formats and post-processing of an extracted text."""

from __future__ import annotations

import json
import time
from typing import Any, get_args

import pytest

from pipelines.extraction import POST_PROCESSING, Format, post_process, shape
from pipelines.language import ExtractionConfig

ANSWER = """\
We recommend a second lift.
- It cost 3.5 million.
2. It was out of order!
See https://example.org/a and https://example.org/b, or https://example.org/a again.
```python
print("x")
```
I would also suggest tea."""


def test_the_formats_are_those_of_the_language() -> None:
    annotation: Any = ExtractionConfig.model_fields["format"].annotation
    assert get_args(annotation) == get_args(Format)


@pytest.mark.parametrize(
    ("form", "text", "shaped"),
    [
        ("text", "x", "x"),
        ("json", '{"a": 1}', '{"a": 1}'),
        ("json", "x", '{"content": "x", "format": "text"}'),
        ("structured", "x", "## Extracted Content\n\nx"),
        ("structured", "## Mine\nx", "## Mine\nx"),
        ("markdown", "x", "# Extracted Content\n\nx"),
        ("markdown", "# Mine", "# Mine"),
        ("summary", "x" * 20, "x" * 20),
        ("summary", "x" * 21, "x" * 17 + "..."),
        ("summary", "", ""),
    ],
)
def test_a_text_gets_a_format_it_has_not_yet(form: Format, text: str, shaped: str) -> None:
    assert shape(text, form, max_summary_length=20) == shaped


def test_what_is_shaped_as_json_is_json_with_the_text_in_it() -> None:
    assert json.loads(shape('say "ä"\n', "json"))["content"] == 'say "ä"\n'


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("extract_code_blocks", '## Code Blocks\n```python\nprint("x")\n```'),
        ("extract_recommendations", "## Recommendations\nWe recommend a second lift.\nI would also suggest tea."),
        ("extract_links", "## Links\n- https://example.org/a\n- https://example.org/b"),
        ("extract_key_points", "## Key Points\n- It cost 3.5 million.\n2. It was out of order!"),
        (
            "generate_summary",
            "## Summary\nWe recommend a second lift. It cost 3.5 million. It was out of order!",
        ),
    ],
)
def test_each_step_adds_its_section(name: str, section: str) -> None:
    text, unknown = post_process(ANSWER, [name])
    assert (text.removeprefix(ANSWER), unknown) == (f"\n\n{section}", ())


def test_steps_that_find_nothing_add_nothing() -> None:
    assert post_process("Nothing", [name for name in POST_PROCESSING if name != "generate_summary"]) == ("Nothing", ())


def test_sections_come_in_the_order_asked_for_and_unknown_names_are_told() -> None:
    text, unknown = post_process(ANSWER, ["extract_links", "translate", "extract_key_points", "format_markdown"])
    assert text.index("## Links") < text.index("## Key Points")
    assert unknown == ("translate",)


def test_markdown_is_made_of_the_whole() -> None:
    assert post_process("plain", ["format_markdown"]) == ("# Extracted Content\n\nplain", ())


def test_a_summary_is_three_sentences_and_200_characters_at_most() -> None:
    text, _ = post_process("One is here. Two is here. Three is here. Four is here.", ["generate_summary"])
    assert text.endswith("## Summary\nOne is here. Two is here. Three is here.")
    long, _ = post_process("word " * 100 + ".", ["generate_summary"])
    assert len(long.split("## Summary\n")[1]) == 200


@pytest.mark.parametrize("filler", ["a", "\n", " ", "- ", "1", "```", "https://"], ids=repr)
def test_a_hostile_text_costs_no_time(filler: str) -> None:
    began = time.perf_counter()
    post_process(filler * 100_000, list(POST_PROCESSING))
    assert time.perf_counter() - began < 2.0
