"""The free form read as JSON Schema, and data checked against a schema."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipelines.extraction import (
    find_misfits,
    is_json_schema,
    normalise_parameters,
    normalise_schema,
    validate_against,
)


def fields(**kinds: Any) -> dict[str, Any]:
    return {"type": "object", "properties": kinds, "required": list(kinds)}


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("free", "schema"),
    [
        ({"name": "string", "age": "integer"}, fields(name=TEXT, age={"type": "integer"})),
        ({"ok": "bool", "n": "float", "t": " Text "}, fields(ok={"type": "boolean"}, n={"type": "number"}, t=TEXT)),
        ({"why": "the reason"}, fields(why={"type": "string", "description": "the reason"})),
        (["a", "b"], fields(a=TEXT, b=TEXT)),
        (["string"], {"type": "array", "items": TEXT}),
        ([{"name": "string"}], {"type": "array", "items": fields(name=TEXT)}),
        ([{"a": "string"}, {"b": ["c"]}], fields(a=TEXT, b=fields(c=TEXT))),
        ([], {"type": "array"}),
        ({"n": None, "flag": True, "size": 3}, fields(n=TEXT, flag={"type": "boolean"}, size={"type": "number"})),
        ({"inner": {"type": "array", "items": TEXT}}, fields(inner={"type": "array", "items": TEXT})),
        ("string", TEXT),
    ],
    ids=str,
)
def test_the_free_form_is_read(free: Any, schema: dict[str, Any]) -> None:
    assert normalise_schema(free) == schema
    Draft202012Validator.check_schema(normalise_schema(free))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": ["string", "null"]},
        {"type": "object", "properties": {"a": {}}, "my_own_note": "kept"},
        {"enum": [1, 2]},
        {"anyOf": [{"type": "string"}], "description": "x"},
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
        {"type": "string", "x-order": 1},
        {"not": {"type": "string"}},
    ],
    ids=str,
)
def test_json_schema_passes_unchanged(schema: Any) -> None:
    assert is_json_schema(schema)
    assert normalise_schema(schema) == schema


@pytest.mark.parametrize(
    "free",
    [
        {"type": "string", "severity": "string"},
        {"required": "what must be there", "optional": "what may"},
        {"enum": "the kind", "value": "number"},
        {"title": "string", "description": "string"},
        {"type": "the kind of defect"},
    ],
    ids=str,
)
def test_fields_with_the_names_of_keywords_are_fields(free: Any) -> None:
    schema = normalise_schema(free)
    assert set(schema["properties"]) == set(free)
    assert validate_against(schema, {name: 1.5 if kind == "number" else "x" for name, kind in free.items()}) == ()


@pytest.mark.parametrize(
    ("free", "wanted"),
    [
        (
            {"kinds": ["fast", "cheap"]},
            {"kinds": {"type": "array", "items": {"type": "string", "enum": ["fast", "cheap"]}}},
        ),
        ({"names": ["string"], "limit": "integer"}, {"names": {"type": "array", "items": {"type": "string"}}}),
    ],
)
def test_a_list_of_words_among_a_functions_parameters_is_a_choice_of_them(free: Any, wanted: dict[str, Any]) -> None:
    schema = normalise_parameters(free)
    assert schema["required"] == list(free)
    for name, field in wanted.items():
        assert schema["properties"][name].items() >= field.items()


def test_true_allows_everything_and_false_nothing() -> None:
    assert validate_against(normalise_schema(True), {"any": 1}) == ()
    assert validate_against(normalise_schema(False), 1) != ()


def test_misfits_name_the_place() -> None:
    schema = normalise_schema({"people": [{"name": "string"}]})
    data: Any = {"people": [{"name": "Ann"}, {"name": 5}, {}]}
    assert validate_against(schema, data) == (
        "$.people[1].name: Expected string, got integer",
        "$.people[2]: Required property 'name' is missing",
    )
    assert [each.path for each in find_misfits(schema, data)] == ["people[1].name", "people[2]"]
    assert validate_against(schema, []) == ("$: Expected object, got array",)
    assert validate_against({"items": {"type": "string"}}, [1]) == ("$[0]: Expected string, got integer",)


@pytest.mark.parametrize(
    ("schema", "data", "message"),
    [
        ({"maximum": 3}, 4, "Value must be <= 3"),
        ({"exclusiveMaximum": 3}, 3, "Value must be < 3"),
        ({"multipleOf": 5}, 7, "Value must be a multiple of 5"),
        ({"maxLength": 2}, "abc", "String must be at most 2 characters long"),
        ({"enum": ["a", None]}, "b", 'Value must be one of: ["a", null]'),
        ({"const": True}, 1, "Value must be true"),
        ({"minProperties": 1}, {}, "Object must have at least 1 fields"),
        ({"type": "string"}, None, "Expected string, got null"),
        ({"type": "integer"}, True, "Expected integer, got boolean"),
        ({"additionalProperties": False}, {"x": 1}, "Additional property 'x' is not allowed"),
    ],
    ids=str,
)
def test_misfits_say_what_was_expected(schema: dict[str, Any], data: Any, message: str) -> None:
    assert [each.message for each in find_misfits(schema, data)] == [message]


def test_at_most_twenty_misfits_of_bounded_length_are_told() -> None:
    found = find_misfits({"items": {"type": "string"}}, list(range(100)))
    assert len(found) == 20
    (long,) = find_misfits({"enum": ["x" * 5000]}, "y")
    assert len(long.message) == 500


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": 5}, "schema: "),
        ({"$ref": "#/$defs/gone"}, "leads nowhere"),
        ({"$ref": "http://127.0.0.1:1/remote.json"}, "leads nowhere"),
        ({"$ref": "#"}, "circle"),
    ],
    ids=str,
)
def test_a_schema_that_is_wrong_is_told_as_such(schema: dict[str, Any], said: str) -> None:
    (told,) = validate_against(schema, {"a": 1})
    assert told.startswith("schema: ")
    assert said in told
