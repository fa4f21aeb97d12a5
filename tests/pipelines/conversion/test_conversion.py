"""Texts between CSV, JSON, YAML and XML."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.conversion import CONVERSIONS, ConversionError, convert

ROWS = [{"id": "1", "name": "Tea, green"}, {"id": "2", "name": 'a "quoted"\nword'}]
WORD = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=8,
)


def test_every_format_becomes_every_other() -> None:
    assert len(CONVERSIONS) == 12
    text = convert(json.dumps(ROWS), "json_to_csv")
    for through in ("csv_to_json", "json_to_yaml", "yaml_to_csv", "csv_to_yaml", "yaml_to_json"):
        text = convert(text, through)
    assert json.loads(text) == ROWS


def test_xml_keeps_attributes_lists_and_text() -> None:
    text = '<order no="7"><item>tea</item><item kind="b">cup &amp; lid</item><note/></order>'
    data = json.loads(convert(text, "xml_to_json"))
    assert data == {"order": {"@no": "7", "item": ["tea", {"@kind": "b", "#text": "cup & lid"}], "note": None}}
    assert json.loads(convert(convert(json.dumps(data), "json_to_xml"), "xml_to_json")) == data


def test_rows_become_items_of_a_root() -> None:
    xml = convert(json.dumps(ROWS[:1]), "json_to_xml")
    assert json.loads(convert(xml, "xml_to_json")) == {"root": {"item": ROWS[0]}}


@given(JSON)
def test_what_is_written_as_yaml_is_read_as_the_same(data: Any) -> None:
    if data is None:
        return  # an empty text is no document
    text = json.dumps(data)
    assert json.loads(convert(convert(text, "json_to_yaml"), "yaml_to_json")) == data


@pytest.mark.parametrize(
    ("conversion", "text", "problem"),
    [
        ("json_to_yaml", "{", "JSON"),
        ("json_to_csv", "[1, 2]", "only a list of maps"),
        ("json_to_xml", '{"a b": 1}', "name of an element"),
        ("json_to_xml", '{"a": "\\u0001"}', "control character"),
        ("json_to_xml", "[" * 300 + "]" * 300, "nested"),
        ("yaml_to_json", "a: 1\na: 2", "given twice"),
        ("csv_to_json", 'a\n"x', "CSV"),
        ("xml_to_json", "<a><b></a>", "XML"),
        ("xml_to_json", "<a>" * 300, "nested"),
        ("xml_to_json", '<!DOCTYPE a [<!ENTITY x "x">]><a>&x;</a>', "document type"),
    ],
)
def test_what_cannot_be_converted_says_why(conversion: str, text: str, problem: str) -> None:
    with pytest.raises(ConversionError, match=problem):
        convert(text, conversion)
