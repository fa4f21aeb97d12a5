"""Data checked against a JSON Schema, each misfit told in one short sentence: what was expected, what came.

The sentences go back to the model that has to answer again, so they name the place and never quote the whole data. A
keyword without a sentence of its own keeps jsonschema's. jsonschema is loaded by the first check: a node's start and
`evopipe validate` do without it. Whoever checks on an event loop has it loaded elsewhere before (`prepare_checks`).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

from pydantic import JsonValue

_MOST: Final = 20
_LONGEST: Final = 500


_prepared = False


def checks_prepared() -> bool:
    """Whether `find_misfits` takes no more time than its check."""
    return _prepared


def prepare_checks() -> None:
    """Does all that the first check needs besides: tens of milliseconds of loading, so on a thread where a loop waits.
    Safe from several threads at once."""
    global _prepared  # noqa: PLW0603 - like the modules that it loads, once for the process
    find_misfits({"type": "object", "properties": {}}, [])
    _prepared = True


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not conform. `path` is "" for the whole, else such as `items[2].name`; "schema" as `path`
    with `in_schema` says that the schema itself is wrong."""

    path: str
    message: str
    in_schema: bool = False

    def __str__(self) -> str:
        if self.in_schema:
            return f"schema: {self.message}"
        dot = "" if not self.path or self.path.startswith("[") else "."
        return f"${dot}{self.path}: {self.message}"


def find_misfits(schema: Mapping[str, Any], data: JsonValue) -> tuple[Misfit, ...]:
    """What is wrong with `data`, at most 20 of them in the order of their places; empty when it conforms.

    A schema that is itself wrong is one misfit with `in_schema`. References lead inside the schema only: nothing is
    ever fetched.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - see the module
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
        # An empty registry: jsonschema's default one would open URLs.
        validator: Any = Draft202012Validator(schema, registry=Registry())
        found: list[Any] = sorted(validator.iter_errors(data), key=lambda e: list(map(str, e.absolute_path)))
    except SchemaError as error:
        return (Misfit("schema", error.message[:_LONGEST], in_schema=True),)
    except Unresolvable as error:
        message = f"the reference {error.ref!r} leads nowhere inside the schema"
        return (Misfit("schema", message[:_LONGEST], in_schema=True),)
    except RecursionError:
        message = "its references lead in a circle, or the data is nested too deeply"
        return (Misfit("schema", message, in_schema=True),)
    told = (Misfit(_path(place), text[:_LONGEST]) for error in found[:_MOST] for place, text in _told(error))
    return tuple(islice(told, _MOST))


def _path(parts: Iterable[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def type_of(value: object) -> str:
    """The JSON Schema type of a value; a whole number is an `integer`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _told(error: Any) -> Iterator[tuple[list[str | int], str]]:
    """The place and sentence of one error; of fields too many, one for each of them."""
    place: list[str | int] = list(error.absolute_path)
    if error.validator == "additionalProperties" and error.validator_value is False:
        known: Mapping[str, Any] = error.schema.get("properties", {})
        patterns: Mapping[str, Any] = error.schema.get("patternProperties", {})
        for name in sorted(cast("dict[str, Any]", error.instance)):
            if name not in known and not any(re.search(pattern, name) for pattern in patterns):
                yield [*place, name], f"Additional property '{name}' is not allowed"
    elif error.validator == "required":
        # jsonschema names the field only in its own sentence.
        name = ast.literal_eval(error.message.removesuffix(" is a required property"))
        yield place, f"Required property '{name}' is missing"
    else:
        yield place, _sentence(error)


def _sentence(error: Any) -> str:
    tell = _SENTENCES.get(str(error.validator))
    return str(error.message) if tell is None else tell(error.validator_value, error.instance)


def _expected_type(wanted: Any, value: Any) -> str:
    names = cast("list[str]", wanted) if isinstance(wanted, list) else [str(wanted)]
    return f"Expected {' or '.join(names)}, got {type_of(value)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SENTENCES: Final[dict[str, Callable[[Any, Any], str]]] = {
    "type": _expected_type,
    "enum": lambda allowed, _: f"Value must be one of: {_json(allowed)}",
    "const": lambda wanted, _: f"Value must be {_json(wanted)}",
    "minimum": lambda limit, _: f"Value must be >= {limit}",
    "maximum": lambda limit, _: f"Value must be <= {limit}",
    "exclusiveMinimum": lambda limit, _: f"Value must be > {limit}",
    "exclusiveMaximum": lambda limit, _: f"Value must be < {limit}",
    "multipleOf": lambda step, _: f"Value must be a multiple of {step}",
    "minLength": lambda least, _: f"String must be at least {least} characters long",
    "maxLength": lambda most, _: f"String must be at most {most} characters long",
    "pattern": lambda pattern, _: f"String does not match pattern: {pattern}",
    "format": lambda name, _: f"String is no {name}",
    "minItems": lambda least, _: f"Array must have at least {least} items",
    "maxItems": lambda most, _: f"Array must have at most {most} items",
    "uniqueItems": lambda _unique, _: "Array items must be unique",
    "minProperties": lambda least, _: f"Object must have at least {least} fields",
    "maxProperties": lambda most, _: f"Object must have at most {most} fields",
}
