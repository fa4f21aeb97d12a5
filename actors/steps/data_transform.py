"""`data_transform`: data of the run through a list of operations."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.language import DataTransformStep, resolve_source
from pipelines.transform import apply_operations, shape_output

# Above this the operations run beside the loop.
_MANY_ITEMS = 2_000


async def transform(context: StepContext) -> JsonValue:
    """Raises `TemplateError` for a source that is not there, and what `apply_operations` raises."""
    step: DataTransformStep = context.step
    scope = context.scope
    data = resolve_source(step.input_source, scope)

    def work() -> JsonValue:
        return apply_operations(
            data, step.operations, sources=lambda source: resolve_source(source, scope), lenient=scope.lenient
        )

    many = isinstance(data, list) and len(data) > _MANY_ITEMS
    changed = await asyncio.to_thread(work) if many else work()
    metadata: JsonValue = {
        "operation_count": len(step.operations),
        "input_type": kind_of(data),
        "output_type": kind_of(changed),
        "processed_at": datetime.fromtimestamp(context.kernel.clock.wall(), UTC).isoformat(),
    }
    return {step.output_field or step.name: shape_output(changed, step.output_format), "metadata": metadata}


def kind_of(data: JsonValue) -> str:
    """The data's type by its name in the format: list, map, string, number, boolean, null."""
    match data:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "map"
