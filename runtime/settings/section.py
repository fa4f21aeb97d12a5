"""The base of all settings' sections: immutable, no unknown keys, and no yes or no where a number belongs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError


class Section(BaseModel):
    """One section of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes `true` for 1, and YAML `yes` for `true`: `connections: yes` would be one connection."""
        if isinstance(value, bool):
            kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
            if bool not in kinds and kinds & {int, float, Decimal}:
                raise PydanticKnownError("int_type" if int in kinds else "float_type")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """The types in an annotation, however deep."""
    inner = get_args(annotation)
    if inner:
        return set[Any]().union(*(_kinds(each) for each in inner))
    return {annotation} if isinstance(annotation, type) else set()
