"""What can be asked of a codebase: five kinds of question, each with criteria that all must hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

QueryKind = Literal["find_files", "find_dependencies", "find_functions", "find_related", "analyze_impact"]


class CriteriaError(ValueError):
    """A question that cannot be understood."""


class _Criteria(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FindFiles(_Criteria):
    """`size_*` in bytes; `modified_since` an ISO date or Unix seconds; `pattern` a shell pattern over the path."""

    type: Literal["main", "test", "config", "source", "any"] | None = None
    pattern: str | None = None
    language: str | None = None
    extension: str | None = None
    contains: str | None = None
    size_min: int | None = Field(default=None, ge=0)
    size_max: int | None = Field(default=None, ge=0)
    modified_since: float | None = None
    exclude_tests: bool = False
    related_to: str | None = None

    @field_validator("modified_since", mode="before")
    @classmethod
    def _reads_dates(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class FindDependencies(_Criteria):
    for_file: str
    include_transitive: bool = False


class FindFunctions(_Criteria):
    """`pattern` is a shell pattern over the name."""

    name: str | None = None
    pattern: str | None = None
    in_file: str | None = None


class FindRelated(_Criteria):
    file: str
    types: tuple[Literal["dependency", "dependent", "test", "sibling"], ...] = (
        "dependency", "dependent", "test", "sibling",
    )  # fmt: skip
    max_results: int = Field(default=20, ge=1, le=10_000)


class AnalyzeImpact(_Criteria):
    file: str
    max_depth: int = Field(default=3, ge=1, le=100)
    include_tests: bool = True


Question = FindFiles | FindDependencies | FindFunctions | FindRelated | AnalyzeImpact

KINDS: Mapping[QueryKind, type[Question]] = {
    "find_files": FindFiles,
    "find_dependencies": FindDependencies,
    "find_functions": FindFunctions,
    "find_related": FindRelated,
    "analyze_impact": AnalyzeImpact,
}


def read_question(name: str, query: JsonValue) -> Question:
    """`{kind: [criteria, ...]}` or `{kind: criteria}` as a question. Raises `CriteriaError` with what to write."""
    kind, criteria = _only_pair(name, query)
    if kind not in KINDS:
        raise CriteriaError(f"{name}: there is no query '{kind}'; there are: {', '.join(KINDS)}")
    wanted = KINDS[cast(QueryKind, kind)]
    try:
        return wanted.model_validate(_together(name, kind, criteria))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(wanted.model_fields)
        raise CriteriaError(f"{name}: {kind}: {where}: {first['msg']} (criteria: {known})") from None


def _only_pair(name: str, query: JsonValue) -> tuple[str, JsonValue]:
    if not isinstance(query, dict) or len(query) != 1:
        raise CriteriaError(f"{name}: a query is a map with one key, one of: {', '.join(KINDS)}")
    ((kind, criteria),) = query.items()
    return kind, criteria


def _together(name: str, kind: str, criteria: JsonValue) -> dict[str, Any]:
    if criteria is None:
        return {}
    parts = criteria if isinstance(criteria, list) else [criteria]
    joined: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            raise CriteriaError(f"{name}: {kind}: criteria are a map, or a list of maps")
        for key, value in part.items():
            if key in joined and joined[key] != value:
                raise CriteriaError(f"{name}: {kind}: '{key}' is there twice; all criteria must hold together")
            joined[key] = value
    return joined
