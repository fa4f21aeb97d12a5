"""`codebase_query`: questions about the source files of the workspace."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .base import BaseStep, JsonMap

_KINDS = ("find_files", "find_dependencies", "find_functions", "find_related", "analyze_impact")


class CodebaseQueryStep(BaseStep):
    """`queries` maps the name of an answer to `{kind: criteria}`; criteria may be a list of maps, which all hold.

    `path` is where the codebase begins. What lies beyond the limits is left out, and the result says so.
    """

    type: Literal["codebase_query"]
    queries: dict[str, JsonMap] = Field(min_length=1, max_length=100)
    path: str = "."
    exclude: tuple[str, ...] = ()
    codebase_context: bool = True
    max_files: int = Field(default=10_000, ge=1, le=200_000)
    max_bytes: int = Field(default=50_000_000, ge=1, le=1_000_000_000)
    max_seconds: float = Field(default=30, gt=0, le=600)

    @field_validator("queries")
    @classmethod
    def _asks_what_there_is(cls, queries: dict[str, JsonMap]) -> dict[str, JsonMap]:
        for name, query in queries.items():
            if len(query) != 1 or next(iter(query)) not in _KINDS:
                raise ValueError(f"the query '{name}' needs one key, one of: {', '.join(_KINDS)}")
        return queries
