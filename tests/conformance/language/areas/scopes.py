"""What a case's input lets templates and conditions see."""

from __future__ import annotations

from typing import Any

from pipelines.language import Scope

NOW_S = 1_700_000_000.0


def scope_of(given: dict[str, Any], *, lenient: bool = False) -> Scope:
    """`results`, `inputs`, `global_vars` and `variables` by scope, the inner scope over the outer.

    `lenient` makes it the scope of a file of the `workflow:` dialect.
    """
    by_scope: dict[str, Any] = given.get("variables") or {}
    variables: dict[str, Any] = {}
    for name in ("global", "session", "loop"):
        variables |= by_scope.get(name) or {}
    return Scope(
        inputs=given.get("inputs") or {},
        steps=given.get("results") or {},
        global_vars=given.get("global_vars") or {},
        state=variables,
        workflow={"unresolved_names": "keep"} if lenient else {},
        now_s=NOW_S,
    )
