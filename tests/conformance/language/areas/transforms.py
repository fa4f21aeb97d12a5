"""`transform`: {data, operations, results} -> the data after the operations."""

from __future__ import annotations

from typing import Any

from pipelines.language import resolve_source
from pipelines.transform import apply_operations
from tests.conformance.language.areas.scopes import scope_of


def applied(given: dict[str, Any]) -> Any:
    """The operations over the data, as in a file of the `workflow:` dialect unless the case says
    `"unresolved_names": "error"`; a join finds its other rows in the results."""
    lenient = given.get("unresolved_names") != "error"
    scope = scope_of(given, lenient=lenient)
    return apply_operations(
        given["data"], given["operations"], sources=lambda source: resolve_source(source, scope), lenient=lenient
    )
