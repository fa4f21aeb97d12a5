"""Values put into a text: they stay what they are, and so does the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pipelines.formatting import ChangedMeaningError, put_values
from pipelines.language import read_yaml

TEMPLATE = """\
# why it is there
name: old  # the name
inputs:
  x: {type: string}
steps: []
"""


def test_values_are_put_in_and_comments_stay() -> None:
    filled = put_values(TEMPLATE, {("name",): "new_name", ("inputs", "x", "default"): "{{ a }}: #1", ("version",): "1"})
    assert filled.splitlines()[:2] == ["# why it is there", "name: new_name # the name"]
    assert '  x: {type: string, default: "{{ a }}: #1"}' in filled.splitlines()
    assert filled.splitlines()[-1] == 'version: "1"'


printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)


@given(printable | st.sampled_from(["on", "no", "null", "1"]))
def test_any_printable_text_reads_as_it_was_put_in(text: str) -> None:
    values: JsonValue = {"list": [text], "map": {"key": text}}
    read = read_yaml(put_values(TEMPLATE, {("name",): text, ("metadata",): values}), "t").value
    assert isinstance(read, dict)
    assert (read["name"], read["metadata"]) == (text, values)


def test_a_path_through_something_else_than_maps_is_refused() -> None:
    with pytest.raises(ChangedMeaningError, match="no map at steps"):
        put_values(TEMPLATE, {("steps", "0"): 1})
    with pytest.raises(ChangedMeaningError, match="no map at outputs"):
        put_values(TEMPLATE, {("outputs", "x"): 1})
