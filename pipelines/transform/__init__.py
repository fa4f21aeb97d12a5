"""`data_transform`: rows in, rows out, by a list of operations. One implementation at every size; pure.

errors, fields           what is refused; reading and comparing fields
filtering, aggregating   the small languages inside two operations; logic takes a filter of several comparisons apart
operations               one function an operation
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from pipelines.transform.errors import TransformError
from pipelines.transform.filtering import compile_filter
from pipelines.transform.operations import OPERATIONS, Place, Sources

OutputFormat = Literal["json", "string", "count", "none"]

__all__ = [
    "OPERATIONS",
    "OutputFormat",
    "Sources",
    "TransformError",
    "apply_operations",
    "compile_filter",
    "shape_output",
]


def apply_operations(
    data: JsonValue, operations: Sequence[Mapping[str, JsonValue]], *, sources: Sources, lenient: bool = False
) -> JsonValue:
    """`data` after all operations in order (none: unchanged). The input is not touched.

    `sources` resolves `right_source` of a join; what it raises passes through. Raises `TransformError` naming the
    operation, what is wrong and the fix.

    Beyond the reference: `aggregate` with `per_group: true` gives a value for each group of a `group_by`; `group_by`
    with `aggregate: {name: {function, field}}` gives a row for each group instead (the key as text under the field's
    name, then the figures), ready for join and sort; `map` knows the expressions `trim` and `number` (text that
    spells a number becomes it, other text stays). Where the reference lets a mistake pass in silence, it is an error,
    unless `lenient`: then values that are no numbers do not count in sum, average, min and max, and unknown words mean
    what they mean there (spec section 8).
    """
    for index, spec in enumerate(operations):
        name = spec.get("operation")
        operation = OPERATIONS.get(name) if isinstance(name, str) else None
        if operation is None:
            raise TransformError(index, str(name), f"Unknown operation: {name}", ", ".join(OPERATIONS))
        data = operation(data, spec, Place(index, str(name), sources, lenient))
    return data


def shape_output(data: JsonValue, output_format: OutputFormat) -> JsonValue:
    """The data in the step's `output_format`: as it is, as JSON text, as the number of items, or nothing."""
    match output_format:
        case "json":
            return data
        case "string":
            return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        case "count":
            return len(data) if isinstance(data, list | dict | str) else int(data is not None)
        case "none":
            return None
